#!/usr/bin/env python3
"""Export a checkpoint as a part of a uredit model bundle. See README.md."""

import argparse
import importlib
import os
import sys

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # what is not on disk is an error
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("part", choices=["pix2pix", "sam3"], help="which part of the bundle")
    p.add_argument("checkpoint", help="folder that save_pretrained wrote, or an original checkpoint file")
    p.add_argument("out", help="bundle folder; the part is replaced, bundle.json updated")
    p.add_argument("--fp16", action="store_true", help="compute in half precision; inputs and outputs stay float32")
    p.add_argument("--fused", action="store_true", help="sam3: vision and detector as one graph")
    p.add_argument("--config", help="pix2pix: diffusers folder that says how an original checkpoint file is built")
    p.add_argument("--name", help="name of the bundle (default: the folder's)")
    p.add_argument("--licence", help="licence of the bundle, for bundle.json")
    p.add_argument("--threads", type=int, help="threads of torch (default: all cores)")
    args = p.parse_args()

    # Here, because the libraries take seconds to load.
    import torch

    import bundle

    if args.threads:
        torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    try:
        note = importlib.import_module(args.part).export(args.checkpoint, args.out, args)
        bundle.describe(args.out, args.part, note, title=args.name, licence=args.licence)
    except bundle.Refused as e:
        sys.exit(f"export {args.part}: {e}")
    print(f"wrote {args.part} to {args.out}")


if __name__ == "__main__":
    main()
