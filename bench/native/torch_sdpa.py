"""Times PyTorch's attention over contiguous keys and values: the peer beside native_bench's P rows.

    python3 bench/native/torch_sdpa.py

Medians of 60 replays of a CUDA graph, BF16, causal where all of the context is computed; the mask
of the chunk (P3) is given as PyTorch's lower right causal bias.
"""

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.attention.bias import causal_lower_right

SHAPES = {"P1": (1, 8192, 8192), "P2": (8, 2048, 2048), "P3": (1, 512, 16896)}
QUERY_HEADS, KV_HEADS, HEAD_DIM = 32, 8, 128


def median_us(call, calls_per_graph=2, replays=60):
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for _ in range(3):
            call()
    stream.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):
        for _ in range(calls_per_graph):
            call()
    times = []
    for _ in range(replays):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        graph.replay()
        end.record()
        end.synchronize()
        times.append(1e3 * begin.elapsed_time(end) / calls_per_graph)
    return sorted(times)[len(times) // 2]


def main():
    print(f"torch {torch.__version__}, {torch.cuda.get_device_name()}")
    print("| shape | backend | us | TFLOP/s |")
    for name, (num_seqs, queries, context) in SHAPES.items():
        pairs = num_seqs * queries * (context - 0.5 * (queries - 1))
        flops = 4.0 * HEAD_DIM * QUERY_HEADS * pairs
        q = torch.randn(num_seqs, QUERY_HEADS, queries, HEAD_DIM, device="cuda", dtype=torch.bfloat16)
        k, v = (
            torch.randn(num_seqs, KV_HEADS, context, HEAD_DIM, device="cuda", dtype=torch.bfloat16)
            for _ in range(2)
        )
        whole = queries == context
        for backend in (SDPBackend.FLASH_ATTENTION, SDPBackend.CUDNN_ATTENTION):
            try:
                with sdpa_kernel(backend):
                    us = median_us(
                        lambda: torch.nn.functional.scaled_dot_product_attention(
                            q,
                            k,
                            v,
                            attn_mask=None if whole else causal_lower_right(queries, context),
                            is_causal=whole,
                            enable_gqa=True,
                        )
                    )
                print(f"| {name} | {backend.name} | {us:.1f} | {flops / us * 1e-6:.0f} |", flush=True)
            except RuntimeError as error:
                print(f"| {name} | {backend.name} | not run: {str(error).splitlines()[0][:80]} |")


if __name__ == "__main__":
    main()
