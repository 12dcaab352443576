"""Loads a network that hone has written into PyTorch, and evaluates it there.

    python load.py net.safetensors IMAGES LABELS      # IDX files, plain or .gz
"""

import gzip
import json
import struct
import sys

import numpy
import torch
from torch import nn


def read(path):
    """The tensors of a safetensors file by name, and hone's metadata."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = file.read()
    about = json.loads(header.pop("__metadata__")["hone"])
    tensors = {}
    for name, entry in header.items():
        start, end = entry["data_offsets"]
        values = numpy.frombuffer(data[start:end], dtype="<f4").reshape(entry["shape"])
        tensors[name] = torch.from_numpy(values.copy())
    return about, tensors


class Rows(nn.Module):
    """hone's features come row by row with the channels last; PyTorch's Flatten has the channels first."""

    def forward(self, x):
        return x.permute(0, 2, 3, 1).flatten(1)


def network(about, tensors):
    """For convolutions with max pools, hidden layers, batch norm and ReLU; extend it as your file needs."""
    model, layers = about["config"]["model"], []
    channels = about["shape"][2]

    def normalised(name, layer, norm):
        layers.append(layer)
        if f"{name}.bn.gamma" in tensors:
            norm.load_state_dict({
                "weight": tensors[f"{name}.bn.gamma"], "bias": tensors[f"{name}.bn.beta"],
                "running_mean": tensors[f"{name}.bn.mean"], "running_var": tensors[f"{name}.bn.variance"],
                "num_batches_tracked": torch.tensor(0)})
            layers.append(norm)
        layers.append(nn.ReLU())

    def filled(layer, name, weight):
        layer.weight.data = weight.contiguous()
        if layer.bias is not None:
            layer.bias.data = tensors[f"{name}.bias"]
        return layer

    for index, block in enumerate(model["conv"], start=1):
        name = f"conv{index}"
        weight = tensors[f"{name}.weight"].permute(3, 2, 0, 1)        # [row, column, in, out] -> [out, in, row, column]
        padding = block["size"] // 2 if block["pad"] == "same" else block["pad"]
        conv = nn.Conv2d(channels, block["filters"], block["size"], block["stride"], padding,
                         bias=f"{name}.bias" in tensors)
        channels = block["filters"]
        normalised(name, filled(conv, name, weight), nn.BatchNorm2d(channels))
        if block["pool"]:
            layers.append(nn.MaxPool2d(block["pool"]))
    layers.append(Rows())
    for index, units in enumerate(model["hidden"], start=1):
        name = f"hidden{index}"
        weight = tensors[f"{name}.weight"].T                           # [in, out] -> [out, in]
        linear = nn.Linear(*weight.T.shape, bias=f"{name}.bias" in tensors)
        normalised(name, filled(linear, name, weight), nn.BatchNorm1d(units))
    weight = tensors["output.weight"].T
    layers.append(filled(nn.Linear(*weight.T.shape), "output", weight))
    return nn.Sequential(*layers).eval()


def preprocessed(about, tensors, pixels):
    """Bytes [image, row, column, channel] -> what the network was trained on, [image, channel, row, column]."""
    x = pixels.float().flatten(1) * tensors["preprocess.pixel_scale"]
    if "preprocess.subtract" in tensors:
        x = x - tensors["preprocess.subtract"]
    if "preprocess.multiply" in tensors:
        x = x * tensors["preprocess.multiply"]
    return x.reshape(-1, *about["shape"]).permute(0, 3, 1, 2)


def idx(path):
    data = (gzip.open if path.endswith(".gz") else open)(path, "rb").read()
    shape = struct.unpack(f">{data[3]}I", data[4:4 + 4 * data[3]])
    return torch.from_numpy(numpy.frombuffer(data, numpy.uint8, offset=4 + 4 * data[3]).reshape(shape).copy())


def main():
    about, tensors = read(sys.argv[1])
    images, labels = idx(sys.argv[2]), idx(sys.argv[3]).long()
    net, right, loss = network(about, tensors), 0, 0.0
    with torch.no_grad():
        for start in range(0, len(labels), 1000):
            pixels = images[start:start + 1000].reshape(-1, *about["shape"])
            logits, wanted = net(preprocessed(about, tensors, pixels)), labels[start:start + 1000]
            right += (logits.argmax(1) == wanted).sum().item()
            loss += nn.functional.cross_entropy(logits, wanted, reduction="sum").item()
    print(f"accuracy {right / len(labels):.4f}, loss {loss / len(labels):.4f}")


if __name__ == "__main__":
    main()
