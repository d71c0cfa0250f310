"""Load an encoder by name: the one place that knows which there are."""

from pathlib import Path

from encoder.protocol import Encoder

SPECIALISTS = "specialists"
CONSE = "conse"


def load_encoder(
    name: str, *, device: str = "auto", dtype: str = "auto", threads: int = 0, cache: Path | None = None
) -> Encoder:
    """`specialists`, its untrained baseline `conse`, a folder that `python -m training finetune` has left, or a
    transformers dual encoder by folder or name. `cache`: where the specialists' export is kept, which runs without
    torch; None: torch. Raises EncoderError.

    torch and the models are imported here and not before, so that commands which need none start at once.
    """
    if name in (SPECIALISTS, CONSE):
        from encoder.specialists import SpecialistsEncoder

        return SpecialistsEncoder(device, dtype, threads, name=name, cache=cache)
    from encoder.tuned import TunedSpecialists, is_tuned

    if is_tuned(folder := Path(name).expanduser()):
        base = load_encoder(SPECIALISTS, device=device, dtype=dtype, threads=threads, cache=cache)
        return TunedSpecialists(folder, base)
    from encoder.clip import ClipEncoder

    return ClipEncoder(name, device, dtype, threads)
