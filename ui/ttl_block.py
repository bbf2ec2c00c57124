"""How long entries of a namespace should live: the choice, the answer, what it rests on."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from cache_core.insight.pictures import Study
from cache_core.insight.ttl_terms import TtlPicture
from cache_core.operations import Actor
from ui import ttl_words, words
from ui.access import has_actions
from ui.app import App
from ui.frame import Frame
from ui.retune_button import draw_retune, draw_take_back

_CHOSEN = "ttl_lab_namespace"

_HOW = """\
- **Hit rate.** Which keys were read, and when, is logged: 32 bits of each key's digest, nothing of
  its content. The log is replayed under each TTL, as a warm cache would have served it. Where
  there are too many reads, keys are chosen by their hash, so that all replicas choose the same ones
  (Waldspurger et al., *SHARDS*, FAST 2015; with TTLs: Sultan et al., EuroSys 2024).
- **Outdated reads.** Each time an expired entry is computed anew, its age and whether the value had
  changed are noted. The likeliest rate of change follows (Cho and Garcia-Molina, *Estimating
  Frequency of Change*, ACM TOIT 2003), and from it the share of served reads that meet data older
  than its last change: with *x* changes a life, 1 − (1 − e⁻ˣ) / x. Where the ages contradict
  changes at random, what was seen at each age is used instead.
- **Advice.** The TTL with the greatest hit rate, less half a point for each doubling, of those
  whose outdated reads stay within the budget, the upper end of the estimate counting.
- **Source and commands.** A miss takes the source's mean time and four store commands, a hit one.
- **Left out.** Invalidations, entries that the store evicts, and reads that a copy near by answers.
"""


def choose(frame: Frame, studies: Mapping[str, Study]) -> str | None:
    """The namespace to look at: that of the address, else the one with the most to gain.

    None where the address names one that cannot be tuned. The choice goes into the address.
    """
    names = ttl_words.most_to_gain_first(studies)
    name = names[0] if frame.namespace is None else frame.namespace
    st.session_state[_CHOSEN] = name if name in studies else None
    st.selectbox(
        "Namespace, and what it would gain",
        names,
        key=_CHOSEN,
        format_func=lambda one: f"{one} · {ttl_words.gain(studies[one])}",
        placeholder="Choose one whose TTL can be changed",
        on_change=_into_address,
    )
    return name if name in studies else None


def _into_address() -> None:
    if chosen := st.session_state.get(_CHOSEN):
        st.session_state["namespace"] = chosen


def draw_answer(
    frame: Frame, actor: Actor, namespace: str, study: Study, obstacle: str | None
) -> None:
    """What is and what would be better, how sure that is, and the button. `obstacle`: why not."""
    advice = ttl_words.advice_of(study)
    with st.container(border=True):
        said = ttl_words.answer(namespace, study).replace(" %", "\u00a0%")  # never apart
        st.markdown(f"#### {said}")
        if advice is not None:
            st.markdown(ttl_words.grounds(advice))
        else:
            st.info(ttl_words.missing(study), icon=":material/hourglass_empty:")
        if study.is_retuned:
            st.caption(
                f":material/tune: It was retuned; its code says {words.duration(study.own_ttl_s)}."
            )
        if has_actions():
            with st.container(horizontal=True):
                _draw_actions(frame, actor, namespace, study, obstacle)


def _draw_actions(
    frame: Frame, actor: Actor, namespace: str, study: Study, obstacle: str | None
) -> None:
    advice = ttl_words.advice_of(study)
    if advice is not None and advice.is_change:
        draw_retune(frame, actor, namespace, advice.ttl_s, obstacle, key="retune_lab")
    if study.is_retuned:
        draw_take_back(frame, actor, namespace, study.own_ttl_s, obstacle, key="retune_lab_back")


def draw_evidence(study: Study) -> None:
    """What the figures rest on, and how they are made."""
    st.subheader("What this rests on", anchor=False)
    st.markdown(ttl_words.evidence(study))
    with st.expander("How these figures are made", icon=":material/function:"):
        st.markdown(_HOW)
        st.caption("In full, with what was measured: docs/insight.md and docs/figures.md.")


def draw_untunable(app: App, namespace: str) -> None:
    """Why the namespace of the address has no TTL to choose."""
    policy = app.policies().get(namespace)
    if policy is None:
        text = (
            f"**`{namespace}` is a cached function of another process,** so its policy is not "
            "known here. Open the lab in an app that has it."
        )
    elif policy.sliding:
        text = (
            f"**`{namespace}` has no TTL to choose: it slides.** Each read starts the life of its "
            f"entry anew, for {words.duration(policy.ttl_s)}, so an entry lives for as long as it "
            "is read."
        )
    elif policy.keep_by_use:
        text = (
            f"**`{namespace}` has no TTL to choose: its entries are kept by use.** What is asked "
            "for again and computed to the same value lives longer by itself, what is not goes "
            "sooner; see **Namespaces**."
        )
    elif policy.ttl_range_s[0] >= policy.ttl_range_s[1]:
        text = (
            f"**`{namespace}` has no TTL to choose:** its policy allows "
            f"{words.duration(policy.ttl_range_s[1])} and nothing else (`ttl_min_s`, `ttl_max_s`)."
        )
    else:
        text = (
            f"**`{namespace}` is kept apart from what is counted,** so nothing is known of its "
            "reads."
        )
    st.info(text, icon=":material/timer_off:")


def draw_nothing(app: App) -> None:
    """No cached function here has a TTL to choose."""
    if app.database_problem:
        text = (
            "**No cached function is known here.** The built-in ones need the database, which "
            "cannot be used; see **Setup**."
        )
    else:
        text = "**No cached function here has a TTL to choose.**"
    st.info(text, icon=":material/timer_off:")


def draw_unlogged(app: App, studies: Mapping[str, Study]) -> bool:
    """Why no reads were logged of any namespace, if so; whether it was said."""
    if not app.settings.log_reads:
        st.warning(
            "**This app does not log reads** (`LOG_READS` is off), so what other TTLs would give "
            "is told only from what other processes logged. Set it to `true` and start the app "
            "again: a log holds 32 bits of each key's digest and the time, at most 1 MB a "
            "namespace and day.",
            icon=":material/edit_off:",
        )
    if any(study.reads for study in studies.values()):
        return False
    if app.settings.log_reads:
        st.info(
            "**No reads were logged yet.** A curve takes 100 reads of a namespace, advice 20 "
            "recomputes of expired entries. Open **Dashboard** or **Learning**, or let your own "
            "app read through this store: reads show here within a minute or two.",
            icon=":material/hourglass_empty:",
        )
    return True


def picture_of(study: Study) -> TtlPicture | None:
    """The curve, if there are reads for one."""
    return study.picture if isinstance(study.picture, TtlPicture) else None
