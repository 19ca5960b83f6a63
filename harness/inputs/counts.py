"""Rows and experts counted after routing, or expected of it."""

from dataclasses import dataclass

from roofprof.formulas.layer import TOP_K, LayerCase


@dataclass(frozen=True, slots=True)
class Counts:
    """What routing gave this GPU's experts. With EP every (token, expert) pair arrives as a row of its own."""

    experts: int
    """Experts to choose from, on all GPUs together."""
    tokens: int
    """Tokens that reach this GPU's experts: M alone, the received rows with EP."""
    per_token: int
    """Experts per token: 8, or 1 with EP."""
    rows_per_expert: tuple[int, ...]
    """Rows of each of this GPU's experts."""

    @property
    def rows(self) -> int:
        """Rows of all experts here."""
        return sum(self.rows_per_expert)

    @property
    def hit(self) -> int:
        """Experts with at least one row."""
        return sum(1 for rows in self.rows_per_expert if rows)

    def blocks(self, size: int) -> int:
        """Blocks of `size` rows when each expert's rows are padded to whole blocks."""
        return sum(-(-rows // size) for rows in self.rows_per_expert)


def expected_counts(case: LayerCase, experts: int) -> Counts:
    """Counts under even routing, where none have been drawn: for listings and memory estimates."""
    local = experts // case.ep
    tokens = case.tokens if case.ep == 1 else case.tokens * TOP_K
    per_token = TOP_K if case.ep == 1 else 1
    share, rest = divmod(tokens * per_token, local)
    return Counts(experts, tokens, per_token, tuple(share + (e < rest) for e in range(local)))
