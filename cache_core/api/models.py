"""What the learning routes take and give: the contract, apart from how figures are computed.

Scores and means are 0 (failed) to 1 (succeeded), intervals are 95 %, times are UTC.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from cache_core.learning.models import CATEGORY_MAX_CHARS, USER_NAME_MAX_CHARS
from cache_core.learning.progress import LearningMetrics as Metrics
from cache_core.learning.rows import TEXT_MAX_CHARS

# PostgreSQL keeps no NUL in a text.
_NO_NUL = r"^[^\x00]*$"
UserName = Annotated[str, Field(min_length=1, max_length=USER_NAME_MAX_CHARS, pattern=_NO_NUL)]
CategoryName = Annotated[str, Field(min_length=1, max_length=CATEGORY_MAX_CHARS, pattern=_NO_NUL)]
InstructionText = Annotated[str, Field(min_length=1, max_length=TEXT_MAX_CHARS)]


class Given(BaseModel):
    """What is posted. Unknown members are refused: a typing error must not pass for a default.

    Types are those of JSON: "1" is no number.
    """

    model_config = ConfigDict(extra="forbid", strict=True)


class Told(BaseModel):
    """What is answered, made from the objects that pages draw."""

    model_config = ConfigDict(from_attributes=True)


class Estimate(Told):
    """A mean outcome with its interval, from `count` outcomes; `method` of the interval."""

    mean: float
    low: float
    high: float
    count: int
    method: str


class Change(Told):
    """A difference of two means; `is_clear` when its interval leaves out zero."""

    difference: float
    low: float
    high: float
    is_clear: bool


class Week(Told):
    """Outcomes of the week that begins on Monday `start`."""

    start: datetime
    estimate: Estimate


class Named(Told):
    """Outcomes of one category or user."""

    name: str
    estimate: Estimate


class Period(Told):
    """The 28 days up to the newest outcome, the 28 before, and the change between them."""

    ends: datetime
    last: Estimate | None
    before: Estimate | None
    change: Change | None


class DashboardStats(Told):
    """Headline figures, of everybody (`user` null) or of one user.

    `by_category` holds the 40 largest, best first; `most_active` the 12 users with most outcomes;
    `weeks` those of the last 156 that have any. `undated` outcomes have no time.
    """

    user: str | None
    outcomes: int
    users: int
    instructions: int
    undated: int
    first_at: datetime | None
    last_at: datetime | None
    overall: Estimate | None
    period: Period | None
    weeks: list[Week]
    by_category: list[Named]
    most_active: list[Named]


class Slope(Told):
    """Change of the outcome a week, from `count` outcomes."""

    per_week: float
    low: float
    high: float
    count: int


class Repeats(Told):
    """How the same instruction went the next time its user gave it."""

    pairs: int
    better: int
    same: int
    worse: int
    mean_difference: float
    change: Change | None


class CategoryComparison(Told):
    """One user's outcomes in a category beside everybody else's there."""

    category: str
    mine: Estimate
    others: Estimate | None
    change: Change | None


class LearningMetrics(Told):
    """How effective one user is, whether that grows, and how it compares. Most outcomes first."""

    user: str
    overall: Estimate | None
    undated: int
    trend: Slope | None
    first_third: Estimate | None
    last_third: Estimate | None
    thirds_change: Change | None
    repeats: Repeats | None
    categories: list[CategoryComparison]

    @classmethod
    def of(cls, found: Metrics) -> LearningMetrics:
        """From what the page draws, where a user's own figures are apart from the comparison."""
        compared = [CategoryComparison.model_validate(one) for one in found.categories]
        own = {name: getattr(found.own, name) for name in cls.model_fields if name != "categories"}
        return cls.model_validate({**own, "categories": compared})


class Pattern(Told):
    """A phrase that repeats: outcomes of texts with it beside those without it.

    A difference (`lift`) is not yet a cause. `stands_out`: clear also when allowing for all the
    phrases that were compared.
    """

    phrase: str
    texts: int
    outcomes: int
    with_it: Estimate
    without_it: Estimate
    lift: Change
    stands_out: bool


class Patterns(Told):
    """Repeated phrases of one category, or of all (null); the telling ones first, at most 60."""

    category: str | None
    texts_known: int
    texts_read: int
    compared: int
    patterns: list[Pattern]


class AnalyzeRequest(Given):
    """An instruction to look at; `category`: whose texts to compare, by default the text's own."""

    text: InstructionText
    category: CategoryName | None = None


class Near(Told):
    """A known text: how it begins, one category of it, and how alike it is (0 to 1)."""

    md5: str
    text: str
    category: str
    similarity: float


class Neighbour(Told):
    """A known text like the one asked about, and how it went; null when it was never tried."""

    near: Near
    outcomes: Estimate | None


class Expected(Told):
    """Mean outcome of neighbours, weighted by likeness; `effective`: how many texts it is worth."""

    mean: float
    low: float
    high: float
    texts: int
    effective: float


class Analysis(Told):
    """What to expect of one instruction. `own` is null when it was never tried."""

    md5: str
    own: Estimate | None
    expected: Expected | None
    neighbours: list[Neighbour]
    contained: list[Pattern]
    category: str | None
    observations: list[str]
    texts_known: int
    texts_compared: int


class OutcomeRequest(Given):
    """One outcome of one use of an instruction; `at`: when, with a zone, now by default."""

    user: UserName
    text: InstructionText
    category: CategoryName
    score: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
    at: Annotated[AwareDatetime | None, Field(strict=False)] = None


class Recorded(Told):
    """What was stored, and what there was not before; `md5` of the text."""

    user: str
    category: str
    md5: str
    new_text: bool
    new_user: bool
    new_category: bool
