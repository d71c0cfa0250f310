"""The one place that knows which encoders there are."""

from encoder.protocol import Encoder

SPECIALISTS = "specialists"


def load_encoder(name: str, *, device: str = "auto", dtype: str = "auto", threads: int = 0) -> Encoder:
    """`specialists`, or a transformers dual encoder by folder or name. Raises EncoderError.

    torch and the models are imported here and not before, so that commands which need none start at once.
    """
    if name == SPECIALISTS:
        from encoder.specialists import SpecialistsEncoder

        return SpecialistsEncoder(device, dtype, threads)
    from encoder.clip import ClipEncoder

    return ClipEncoder(name, device, dtype, threads)
