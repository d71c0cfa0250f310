"""Questions that no picture answers, generated: strings, numbers, code, words strung together, talk of what has no
look.

Their recipes and words are others than those of `search/unrelated.tsv`, from which the threshold is computed.
"""

import random
import string
import uuid
from collections.abc import Callable

WORDS = (
    "although because nevertheless perhaps rather whether thus hence moreover beyond despite toward whose which "
    "epistemic tenure clause levy annuity statute proviso quorum mandate subsidy tariff surplus deficit equity audit "
    "ratify defer accrue infer imply negate revoke amend allocate presume deem entail warrant mitigate expedite "
    "marginal nominal tacit arbitrary implicit residual tentative moot prior requisite inherent latent plausible "
    "seldom merely partly hardly mostly likewise otherwise instead already anyway"
).split()
IDEAS = (
    "inflation honesty grammar liability consent procrastination causality etiquette bureaucracy jurisdiction irony "
    "validity ambition sovereignty entropy gratitude punctuality ambiguity credibility nostalgia compliance solvency "
    "syntax obligation negligence probability morality heredity tolerance autonomy"
).split()
SAYINGS = (
    "to what extent does {0} outweigh {1}",
    "{0} is a matter of {1} rather than {2}",
    "we postponed the discussion of {0} until further notice",
    "an argument against {0} in terms of {1}",
    "there was hardly any {0} last quarter",
    "the {0} that follows from {1}",
    "please confirm the terms of {0} and {1}",
    "nobody had expected so much {0} or {1}",
)
LATIN = (
    "quousque tandem abutere patientia nostra quamdiu etiam furor iste tuus nos eludet nihil te nocturnum praesidium "
    "vigiliae timor populi concursus bonorum omnium"
).split()
CONSONANTS, VOWELS = "bcdfghjklmnpqrstvwxz", "aeiouy"
SNIPPETS = (
    "while (--{0} > {2}) {1} ^= {0} << {2};",
    "import {0} as {1}; {1}.run(argv[{2}])",
    "^[a-{0}]{{{2},}}\\.{1}$",
    "curl -X POST /v{2}/{0}?{1}=true",
    '{{"{0}": [{2}, null], "{1}": {{}}}}',
    "sudo chmod {2}00 /etc/{0}.{1}",
    "CREATE INDEX {0}_{1} ON t{2} ({0});",
    "[{0}*{2} for {0} in range({2}) if {1}]",
)


KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
NUMBERS = ("{}.{}.{}.{}", "+{} {}-{}-{}", "{}/{}/{}-{}", "{} {} {} {}", "-{}.{}e{} = {}")


def _pronounceable(r: random.Random) -> str:
    def syllable() -> str:
        return r.choice(CONSONANTS) + r.choice(VOWELS) + r.choice(CONSONANTS)

    return " ".join("".join(syllable() for _ in range(r.randint(2, 3))) for _ in range(r.randint(1, 3)))


def _neighbouring_keys(r: random.Random) -> str:
    start, row = r.randint(0, 4), r.choice(KEYBOARD)
    return (row[start : start + r.randint(3, 5)] * 4)[: r.randint(6, 18)]


KINDS: dict[str, Callable[[random.Random], str]] = {
    "strings of consonants": lambda r: " ".join(
        "".join(r.choices(CONSONANTS, k=r.randint(3, 9))) for _ in range(r.randint(1, 4))
    ),
    "shuffled letters": lambda r: " ".join("".join(r.sample(w, len(w))) for w in r.sample(WORDS, r.randint(1, 4))),
    "pronounceable": _pronounceable,
    "keys over and over": _neighbouring_keys,
    "numbers": lambda r: r.choice(NUMBERS).format(*(r.randint(0, 10 ** r.randint(1, 5)) for _ in range(4))),
    "identifiers": lambda r: r.choice(
        (str(uuid.UUID(int=r.getrandbits(128))), f"{r.getrandbits(64):X}", f"0x{r.getrandbits(32):08x}")
    ),
    "punctuation": lambda r: " ".join(
        "".join(r.choices(string.punctuation, k=r.randint(2, 6))) for _ in range(r.randint(1, 4))
    ),
    "code": lambda r: r.choice(SNIPPETS).format(
        r.choice("kmnpquvw"), r.choice(("buf", "arg", "ret", "len", "cfg")), r.randint(1, 7)
    ),
    "words strung together": lambda r: " ".join(r.sample(WORDS, r.randint(4, 9))),
    "Latin": lambda r: " ".join(r.sample(LATIN, r.randint(3, 7))),
    "sentences on what has no look": lambda r: r.choice(SAYINGS).format(*r.sample(IDEAS, 3)),
}


def nonsense(count: int, seed: int) -> list[tuple[str, str]]:
    """`count` different (kind, question), the kinds in turn."""
    r = random.Random(seed)  # noqa: S311 - no secret
    found: dict[str, str] = {}
    while len(found) < count:
        kind = list(KINDS)[len(found) % len(KINDS)]
        found.setdefault(KINDS[kind](r), kind)
    return [(kind, text) for text, kind in found.items()]
