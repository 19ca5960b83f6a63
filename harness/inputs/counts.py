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
    own_tokens: int | None = None
    """Tokens whose rows this GPU sends to experts: with EP its share of the group's; None where that is all."""
    sent: tuple[int, ...] = ()
    """With EP: rows for each GPU, this one included."""
    received: tuple[int, ...] = ()
    """With EP: rows from each GPU, this one included."""
    rank: int = 0

    @property
    def rows(self) -> int:
        """Rows of all experts here."""
        return sum(self.rows_per_expert)

    @property
    def hit(self) -> int:
        """Experts with at least one row."""
        return sum(1 for rows in self.rows_per_expert if rows)

    def remote(self, op: str) -> int:
        """Rows that leave this GPU: those it sends for others' experts, or gives back after its own have run."""
        rows = self.received if op == "ep_combine" else self.sent
        return sum(rows) - (rows[self.rank] if rows else 0)

    def blocks(self, size: int) -> int:
        """Blocks of `size` rows when each expert's rows are padded to whole blocks."""
        return sum(-(-rows // size) for rows in self.rows_per_expert)


def expected_counts(case: LayerCase, experts: int) -> Counts:
    """Counts under even routing, where none have been drawn: for listings and memory estimates."""
    local = experts // case.ep
    own = case.tokens if case.ep == 1 else -(-case.tokens // case.tp)
    tokens = case.tokens if case.ep == 1 else -(-case.tokens * TOP_K // case.tp)
    per_token = TOP_K if case.ep == 1 else 1
    share, rest = divmod(tokens * per_token, local)
    return Counts(experts, tokens, per_token, tuple(share + (e < rest) for e in range(local)), own)
