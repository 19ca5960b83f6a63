"""The GPUs that ship with roofprof, by name: `gpus["h100"].roofline()`."""

from collections.abc import Mapping

from roofprof.hardware.devices import DeviceSpec, bundled_gpus

gpus: Mapping[str, DeviceSpec] = bundled_gpus()
"""Dense peaks and bandwidth with their source; docs/gpus.md. A GPU of one's own: `--gpu FILE`."""
