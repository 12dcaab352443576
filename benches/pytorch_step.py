"""Times training steps of the reference net, or of one of its variants, in PyTorch.

    python pytorch_step.py --batch 64 --steps 30 --threads 1 --layout channels_last --variant relu

Prints one JSON object: images_per_second (from the median step) and eval_images_per_second.
Layouts: nchw, channels_last, tuned (channels_last, no bias below a batch norm, activations in place; compare.py also
raises the allocator's thresholds, which is worth as much again).
"""

import argparse
import json
import statistics
import time

import torch
from torch import nn

ACTIVATIONS = {
    "none": lambda inplace: nn.Identity(),
    "sigmoid": lambda inplace: nn.Sigmoid(),
    "tanh": lambda inplace: nn.Tanh(),
    "relu": lambda inplace: nn.ReLU(inplace),
    "leaky_relu": lambda inplace: nn.LeakyReLU(0.1, inplace),
    "prelu": lambda inplace: nn.PReLU(),
    "elu": lambda inplace: nn.ELU(inplace=inplace),
    "gelu": lambda inplace: nn.GELU(approximate="tanh"),
    "silu": lambda inplace: nn.SiLU(inplace),
}


class Residual(nn.Module):
    """The sum of a block and its input, through a 1x1 convolution where the channels differ."""

    def __init__(self, block, inputs, outputs):
        super().__init__()
        self.block = block
        self.skip = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, x):
        return self.block(x) + self.skip(x)


def network(variant, tuned):
    activation = ACTIVATIONS.get(variant, ACTIVATIONS["relu"])
    norm = variant != "no_batch_norm"
    size = 5 if variant == "5x5" else 3
    pool = nn.AvgPool2d if variant == "average_pool" else nn.MaxPool2d
    layers, side, inputs = [], 32, 3
    if variant == "two_layer":
        return nn.Sequential(nn.Flatten(), nn.Linear(3072, 50), nn.ReLU(tuned), nn.Linear(50, 10))
    for index, (filters, pooled) in enumerate([(32, False), (32, True), (64, True)]):
        stride = 2 if variant == "stride_2" and index == 1 else 1
        block = [nn.Conv2d(inputs, filters, size, stride, size // 2, bias=not (tuned and norm))]
        if norm:
            block.append(nn.BatchNorm2d(filters))
        block.append(activation(tuned))
        block = nn.Sequential(*block)
        layers.append(Residual(block, inputs, filters) if variant == "residual" else block)
        side //= stride
        if pooled:
            layers.append(pool(2))
            side //= 2
        inputs = filters
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(inputs * side * side, 10))


def optimizer(variant, parameters):
    rate = 1e-9
    return {
        "momentum": lambda: torch.optim.SGD(parameters, rate, momentum=0.9),
        "rmsprop": lambda: torch.optim.RMSprop(parameters, rate),
        "adagrad": lambda: torch.optim.Adagrad(parameters, rate),
        "adam": lambda: torch.optim.Adam(parameters, rate),
        "adamw": lambda: torch.optim.AdamW(parameters, rate),
    }.get(variant, lambda: torch.optim.SGD(parameters, rate))()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--layout", choices=["nchw", "channels_last", "tuned"], default="nchw")
    parser.add_argument("--variant", default="relu")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    net = network(args.variant, args.layout == "tuned")
    images, labels = torch.randn(args.batch, 3, 32, 32), torch.arange(args.batch) % 10
    if args.layout != "nchw":
        net = net.to(memory_format=torch.channels_last)
        images = images.to(memory_format=torch.channels_last)
    rule, loss_of = optimizer(args.variant, net.parameters()), nn.CrossEntropyLoss()

    def step():
        loss = loss_of(net(images), labels)
        rule.zero_grad()
        loss.backward()
        rule.step()
        return loss.item()

    def evaluate():
        with torch.no_grad():
            return net(images).sum().item()

    def median(work, count):
        times = []
        for index in range(count + 3):
            started = time.perf_counter()
            work()
            if index >= 3:
                times.append(time.perf_counter() - started)
        return statistics.median(times)

    trained = median(step, args.steps)
    net.eval()
    evaluated = median(evaluate, args.steps)
    print(json.dumps({
        "images_per_second": args.batch / trained,
        "eval_images_per_second": args.batch / evaluated,
    }))


if __name__ == "__main__":
    main()
