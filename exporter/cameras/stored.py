"""What is kept of cameras: one document each, by MAC."""

from pydantic import TypeAdapter, ValidationError

from exporter.cameras.model import Camera

_CAMERA = TypeAdapter(Camera)


def dump(camera: Camera | None) -> str | None:
    """Return a camera as the state keeps it, in JSON; None for none."""
    if camera is None:
        return None
    return _CAMERA.dump_json(camera, exclude={"up"}, exclude_defaults=True).decode()


def load(mac: str, text: str) -> Camera:
    """Return a camera from the state; raises ValueError for what `dump` did not write."""
    try:
        camera = _CAMERA.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise ValueError(f"camera {mac}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    if camera.mac != mac:
        raise ValueError(f"camera {mac}: it is stored as {camera.mac}")
    return camera
