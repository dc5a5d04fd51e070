"""Run networks: one runtime per kind of file, all with the interface `Runtime`. Knows files and arrays; no faces.

.onnx   ONNX Runtime, in the base install; CPUs, NVIDIA GPUs and more through its providers
.xml    OpenVINO's pair of .xml and .bin (extra: openvino)
.tflite LiteRT, the runtime of phones (extra: litert)
.pt2    PyTorch's exported program (extra: train)
"""
