# Prints the losses that worker/src/cnn/tests.rs expects: twelve SGD steps of a small net on fixed weights and batches.
# PyTorch 2.15, float64; run with: python benches/pytorch_curve.py
import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)


def numbers(start, count):
    """The same numbers as in the test: a multiplicative hash of the index, as 24 bits, centred."""
    return torch.tensor([((i * 2654435761 % 2**32) >> 8) / 2**24 - 0.5 for i in range(start, start + count)])


# One flat vector: conv [3,3,2,4], gamma, beta, hidden [36,5], gamma, beta, output [5,3], bias.
at = 0


def take(*shape):
    global at
    count = torch.Size(shape).numel()
    values = numbers(at, count).reshape(shape)
    at += count
    return values.clone().requires_grad_(True)


def affine(channels):
    global at
    at += 2 * channels
    return torch.ones(channels, requires_grad=True), torch.zeros(channels, requires_grad=True)


conv = take(3, 3, 2, 4)
conv_gamma, conv_beta = affine(4)
hidden = take(36, 5)
hidden_gamma, hidden_beta = affine(5)
output = take(5, 3)
bias = torch.zeros(3, requires_grad=True)
weights, others = [conv, hidden, output], [conv_gamma, conv_beta, hidden_gamma, hidden_beta, bias]
optimizer = torch.optim.SGD(
    [{"params": weights, "weight_decay": 1e-2}, {"params": others, "weight_decay": 0.0}], lr=0.1, momentum=0.9)
running = [torch.zeros(4), torch.ones(4), torch.zeros(5), torch.ones(5)]


def forward(x, training):
    x = F.conv2d(x, conv.permute(3, 2, 0, 1), padding=1)
    x = F.batch_norm(x, running[0], running[1], conv_gamma, conv_beta, training=training)
    x = F.max_pool2d(F.relu(x), 2)
    x = x.permute(0, 2, 3, 1).reshape(len(x), -1) @ hidden
    x = F.batch_norm(x, running[2], running[3], hidden_gamma, hidden_beta, training=training)
    return F.relu(x) @ output + bias


labels = torch.tensor([i * 7 % 3 for i in range(8)])
for step in range(12):
    images = 2 * numbers(100_000 + step % 2 * 1000, 8 * 6 * 6 * 2).reshape(8, 6, 6, 2).permute(0, 3, 1, 2)
    loss = F.cross_entropy(forward(images, True), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"{loss.item():.9f},")
images = 2 * numbers(100_000, 8 * 6 * 6 * 2).reshape(8, 6, 6, 2).permute(0, 3, 1, 2)
print("evaluation", f"{F.cross_entropy(forward(images, False), labels).item():.9f}")
