"""A panel for any page: clear and warm, with a count of what goes before it goes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from cache_core.cache import Cache
from cache_core.operations import (
    Actor,
    NotAllowedError,
    WarmPlan,
    clear_entry,
    clear_tag,
    preview_clear,
    preview_clear_entry,
    preview_clear_tag,
)
from cache_core.operations.warming import CONCURRENCY_MAX, plans_by_namespace
from cache_core.stores import StoreError
from cache_core.streamlit import words
from cache_core.streamlit.connection import CacheConnection
from cache_core.streamlit.form import Form
from cache_core.streamlit.job_list import (
    begin_clear,
    begin_warm,
    draw_jobs,
    draw_stop,
    jobs_of_operators,
)
from cache_core.streamlit.parts import Desk, cache_of, parts_of
from cache_core.telemetry import WINDOWS

_REDRAW_S = 0.5
_KINDS = ("Namespace", "Tag", "Entry", "Warm")


def cache_operations(
    cache: Cache | CacheConnection,
    *,
    plans: Sequence[WarmPlan] = (),
    actor: Actor | None = None,
    can_operate: bool = False,
    database: str | None = None,
    key: str = "cache_operations",
) -> None:
    """Draw what clears a namespace, a tag or an entry, and what warms functions.

    Whoever is not said to be an operator looks only, and nobody acts inside an embedded page. That
    is checked by the functions that act, not by the buttons.

    Args:
        plans: what can be warmed: cached functions (not `async def`), each with argument tuples.
            Several of one namespace are one.
        actor: who is looking, as the app knows them; their name stands in the audit.
        can_operate: instead of `actor`: True makes the visitor an operator, by the name `st.user`
            knows if they are signed in. The app must have checked that they are one.
        database: URL of the database for the audit, e.g. the monitor's; without one, deeds are
            kept in this process only.
        key: apart from that of another such panel on the page.
    Raises: ValueError for plans of two caches in one namespace.
    """
    opened = cache_of(cache)
    parts = parts_of(opened)
    audit, problem = parts.audit(database)
    desk = Desk(opened, audit, parts.jobs, parts.kept.forget)
    who = _who(actor, can_operate)
    form = Form(key, _obstacle(opened, who))
    _Panel(form, desk, plans_by_namespace(plans), who).draw(problem)


def _who(actor: Actor | None, can_operate: bool) -> Actor:
    """Who is looking: a viewer unless the app says otherwise, and inside an embedded page."""
    if st.context.is_embedded:
        return Actor(actor.name) if actor else Actor()
    if actor is not None or not can_operate:
        return actor or Actor()
    email = st.user.get("email")
    return Actor(email if isinstance(email, str) and email else "operator of the app", "operator")


def _obstacle(cache: Cache, actor: Actor) -> str | None:
    """Why nothing can be done right now, if so."""
    if actor.role != "operator":
        return "You can look here. Clearing and warming is for operators of this app."
    if not cache.is_on:
        return "Caching is off, so nothing is kept that could be cleared or warmed."
    if cache.is_store_down:
        return "The store is out of reach, so nothing can be cleared or warmed now."
    return None


@dataclass(frozen=True, slots=True)
class _Panel:
    """One drawing of the panel."""

    form: Form
    desk: Desk
    plans: dict[str, WarmPlan]
    actor: Actor

    def draw(self, audit_problem: str | None) -> None:
        """All of it."""
        if self.form.obstacle is not None:
            st.info(self.form.obstacle, icon=":material/lock:")
        if audit_problem is not None:
            st.warning(
                "**The database for the audit cannot be used**, so what is done here is known to "
                f"this process only.\n\n:small[{audit_problem}]",
                icon=":material/database_off:",
            )
        kinds = [kind for kind in _KINDS if kind != "Warm" or self.plans]
        kind = st.segmented_control(
            "What to clear or warm",
            kinds,
            default=kinds[0],
            required=True,
            key=self.form.name("kind"),
        )
        with st.container(border=True):
            match kind:
                case "Warm":
                    self._draw_warm()
                case "Tag":
                    self._draw_tag()
                case "Entry":
                    self._draw_entry()
                case _:
                    self._draw_namespace()
        self.form.draw_said()
        self._draw_jobs()

    def _namespaces(self) -> list[str]:
        """Those of this process, and those that were read in the last day."""
        found = {*self.desk.cache.namespaces(), *self.plans}
        with contextlib.suppress(StoreError):  # the button says so when it is pressed
            found |= set(parts_of(self.desk.cache).figures(WINDOWS["24h"], age_s=10.0).totals)
        return sorted(found)

    def _draw_namespace(self) -> None:
        namespaces = self._namespaces()
        if not namespaces:
            st.caption("No cached function is known yet: nothing was registered or read.")
            return
        namespace = st.selectbox("Namespace", namespaces, key=self.form.name("namespace"))
        self.form.draw_count(namespace, lambda: self._preview_namespace(namespace))
        if not self.form.draw_counted(namespace):
            return
        plan = self.plans.get(namespace)
        if plan is not None:
            st.checkbox(
                f"Then warm it: {words.plural(len(plan.arguments), 'entry', 'entries')}",
                key=self.form.name("then_warm"),
            )
        typed = st.text_input("Type the namespace to confirm", key=self.form.name("typed"))
        st.button(
            f"Clear {namespace}",
            type="primary",
            icon=":material/delete:",
            disabled=self.form.obstacle is not None or typed.strip() != namespace,
            help=self.form.obstacle,
            on_click=self._clear_namespace,
            args=(namespace,),
            key=self.form.name("clear"),
        )

    def _preview_namespace(self, namespace: str) -> str:
        preview = preview_clear(self.desk.cache, namespace)
        least = "at least " if preview.is_partial else ""
        prefix = self.desk.cache.store.prefix
        return (
            f"This removes **{least}{words.plural(preview.entries, 'entry', 'entries')}** of "
            f"`{namespace}`, keys `{prefix}:e:{namespace}:*`, and nothing else. Readers get fresh "
            "answers at once; the next read of each entry runs its source."
        )

    def _clear_namespace(self, namespace: str) -> None:
        """On the button. The name is looked at once more: a button can be pressed by force."""
        if str(st.session_state.get(self.form.name("typed"), "")).strip() != namespace:
            return
        then = (
            self.plans.get(namespace) if st.session_state.get(self.form.name("then_warm")) else None
        )
        self.form.forget_count()
        st.session_state[self.form.name("typed")] = ""
        begin_clear(self.desk, namespace, self.actor, then)

    def _draw_tag(self) -> None:
        tag = st.text_input("Tag", key=self.form.name("tag"), placeholder="user:42").strip()
        self.form.draw_count(tag, lambda: self._preview_tag(tag))
        if self.form.draw_counted(tag):
            self._draw_clear_one(
                "Clear the tag",
                lambda: clear_tag(self.desk.cache, tag, self.actor, self.desk.audit),
                f"No entry that carries `{tag}` is served any more.",
            )

    def _preview_tag(self, tag: str) -> str:
        preview = preview_clear_tag(self.desk.cache, tag)
        entries = words.plural(preview.entries, "entry carries", "entries carry")
        looked = words.plural(preview.looked_at, "entry", "entries")
        among = f" of the {looked} looked at; there are more" if preview.is_partial else ""
        return f"**{entries}** the tag `{tag}`{among}. Other processes may be computing some."

    def _draw_entry(self) -> None:
        given = st.text_input(
            "Key of the entry",
            key=self.form.name("entry"),
            placeholder=f"{self.desk.cache.store.prefix}:e:dashboard.stats:1:{{…}}",
            help="As `Read.key` and `function.key(...)` give it.",
        ).strip()
        self.form.draw_count(given, lambda: self._preview_entry(given))
        if self.form.draw_counted(given):
            self._draw_clear_one(
                "Clear the entry",
                lambda: clear_entry(self.desk.cache, given, self.actor, self.desk.audit),
                f"`{given}` is not there any more.",
            )

    def _preview_entry(self, given: str) -> str:
        preview = preview_clear_entry(self.desk.cache, given)
        there = "**1 entry** of" if preview.entries else "**0 entries**: it is not stored now, in"
        return f"{there} `{preview.namespace}`."

    def _draw_clear_one(self, label: str, act: Callable[[], object], done: str) -> None:
        def clear_it() -> None:
            self.form.forget_count()
            try:
                act()
            except (ValueError, StoreError, NotAllowedError) as exc:
                self.form.say("error", f"Nothing was cleared: {exc}")
            else:
                self.form.say("success", done)
                self.desk.forget()

        st.button(
            label,
            type="primary",
            icon=":material/delete:",
            disabled=self.form.obstacle is not None,
            help=self.form.obstacle,
            on_click=clear_it,
            key=self.form.name("clear_one"),
        )

    def _draw_warm(self) -> None:
        namespace = st.selectbox("Function", sorted(self.plans), key=self.form.name("plan"))
        plan = self.plans[namespace]
        number = len(plan.arguments)
        concurrency = st.slider(
            "Sources at the same time",
            1,
            CONCURRENCY_MAX,
            2,
            key=self.form.name("concurrency"),
            help="More is sooner done and more load for what is behind.",
        )
        st.markdown(
            f"This computes up to **{words.plural(number, 'entry', 'entries')}** of "
            f"`{namespace}`. What is fresh is skipped; it can be stopped at any time."
        )
        st.button(
            f"Warm {words.count(number)}",
            type="primary",
            icon=":material/local_fire_department:",
            disabled=self.form.obstacle is not None or not number,
            help=self.form.obstacle,
            on_click=begin_warm,
            args=(self.desk, plan, self.actor, concurrency),
            key=self.form.name("warm"),
        )

    def _draw_jobs(self) -> None:
        jobs = jobs_of_operators(self.desk.jobs)
        if not jobs:
            return
        running = any(job.state == "running" for job in jobs)
        watching = self.form.name("watching")
        st.session_state[watching] = running

        def draw() -> None:
            draw_jobs(
                self.desk,
                lambda job: draw_stop(
                    self.desk, job, self.actor, key=self.form.name(f"stop_{job.name}")
                ),
                watching,
            )

        st.fragment(draw, run_every=_REDRAW_S if running else None, key=self.form.name("jobs"))()
