"""What ``diagnose`` returns: findings, each a cause with its evidence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Finding:
    """A likely cause, what speaks for it, and what to look at next.

    Attributes:
        cause: its name, a key of ``CAUSES``.
        evidence: the sign, with its numbers.
        next: what to look at or to try.
        strength: in [0, 1]: 0.9 and above, the cause itself was seen; below, a symptom, which it shares with others.

    Example:
        >>> print(Finding("unscaled_inputs", "inputs have RMS 84", "divide them by 255", 0.95))
        unscaled_inputs: inputs have RMS 84. Next: divide them by 255.
    """

    cause: str
    evidence: str
    next: str
    strength: float

    def __str__(self) -> str:
        return f"{self.cause}: {self.evidence}. Next: {self.next}."


@dataclass(frozen=True)
class Diagnosis:
    """Findings, the most likely first, and what could not be looked at.

    Attributes:
        findings: as :class:`Finding`.
        not_examined: cause → what was missing to look for it.

    Example:
        >>> diagnosis = Diagnosis([], {"lost_state": "a Recorder"})
        >>> len(diagnosis), diagnosis.causes
        (0, [])
        >>> print(diagnosis)
        Nothing found. Not looked for: lost_state (needs a Recorder).
    """

    findings: list[Finding]
    not_examined: dict[str, str] = field(default_factory=dict)

    @property
    def causes(self) -> list[str]:
        """The causes' names, the most likely first."""
        return [finding.cause for finding in self.findings]

    def __len__(self) -> int:
        return len(self.findings)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __str__(self) -> str:
        lines = [f"{number}. {finding}" for number, finding in enumerate(self.findings, 1)] or ["Nothing found."]
        if self.not_examined:
            needs: dict[str, list[str]] = {}
            for cause, need in self.not_examined.items():
                needs.setdefault(need, []).append(cause)
            missing = "; ".join(f"{', '.join(causes)} (needs {need})" for need, causes in needs.items())
            lines[-1 if not self.findings else len(lines) :] = [
                f"{'Nothing found. ' if not self.findings else ''}Not looked for: {missing}."
            ]
        return "\n".join(lines)
