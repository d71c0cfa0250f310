"""Questions that no picture answers, generated: strings, numbers, code, words strung together, talk of what has no
look.

Their recipes and words are others than those of `search/unrelated.tsv`, from which the line is drawn.
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


def _strings(r: random.Random) -> str:
    """Letters with hardly a vowel, in one to four words."""
    return " ".join("".join(r.choices(CONSONANTS, k=r.randint(3, 9))) for _ in range(r.randint(1, 4)))


def _shuffled(r: random.Random) -> str:
    """The letters of words in another order."""
    return " ".join("".join(r.sample(word, len(word))) for word in r.sample(WORDS, r.randint(1, 4)))


def _pronounceable(r: random.Random) -> str:
    def syllable() -> str:
        return r.choice(CONSONANTS) + r.choice(VOWELS) + r.choice(CONSONANTS)

    return " ".join("".join(syllable() for _ in range(r.randint(2, 3))) for _ in range(r.randint(1, 3)))


def _keys(r: random.Random) -> str:
    """Neighbouring keys, over and over."""
    rows = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
    start, row = r.randint(0, 4), r.choice(rows)
    return (row[start : start + r.randint(3, 5)] * 4)[: r.randint(6, 18)]


def _numbers(r: random.Random) -> str:
    forms = ("{}.{}.{}.{}", "+{} {}-{}-{}", "{}/{}/{}-{}", "{} {} {} {}", "-{}.{}e{} = {}")
    return r.choice(forms).format(*(r.randint(0, 10 ** r.randint(1, 5)) for _ in range(4)))


def _identifiers(r: random.Random) -> str:
    return r.choice((str(uuid.UUID(int=r.getrandbits(128))), f"{r.getrandbits(64):X}", f"0x{r.getrandbits(32):08x}"))


def _marks(r: random.Random) -> str:
    return " ".join("".join(r.choices(string.punctuation, k=r.randint(2, 6))) for _ in range(r.randint(1, 4)))


def _code(r: random.Random) -> str:
    return r.choice(SNIPPETS).format(
        r.choice("kmnpquvw"), r.choice(("buf", "arg", "ret", "len", "cfg")), r.randint(1, 7)
    )


def _salad(r: random.Random) -> str:
    return " ".join(r.sample(WORDS, r.randint(4, 9)))


def _latin(r: random.Random) -> str:
    return " ".join(r.sample(LATIN, r.randint(3, 7)))


def _lookless(r: random.Random) -> str:
    return r.choice(SAYINGS).format(*r.sample(IDEAS, 3))


KINDS: dict[str, Callable[[random.Random], str]] = {
    "strings of consonants": _strings,
    "shuffled letters": _shuffled,
    "pronounceable": _pronounceable,
    "keys over and over": _keys,
    "numbers": _numbers,
    "identifiers": _identifiers,
    "punctuation": _marks,
    "code": _code,
    "words strung together": _salad,
    "Latin": _latin,
    "sentences on what has no look": _lookless,
}


def nonsense(count: int, seed: int) -> list[tuple[str, str]]:
    """`count` different (kind, question), the kinds in turn."""
    r = random.Random(seed)  # noqa: S311 - no secret
    found: dict[str, str] = {}
    while len(found) < count:
        kind = list(KINDS)[len(found) % len(KINDS)]
        found.setdefault(KINDS[kind](r), kind)
    return [(kind, text) for text, kind in found.items()]
