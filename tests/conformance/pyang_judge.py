"""Asks pyang, as a library, about many modules: one JSON object a line in, one a line out.

In: {"file": …, "path": [folders], "tree": whether to draw}. Out: {"accepts": …, "said": …, "tree": …}.
"""
import io
import json
import optparse
import os
import sys

from pyang import context, error, plugin, repository

plugin.init([])
tree = next(p for p in plugin.plugins if getattr(p, "name", None) == "tree" or type(p).__name__ == "TreePlugin")
parser = optparse.OptionParser()
tree.add_opts(parser)
tree_options, _ = parser.parse_args([])


def judge(request):
    folders = [os.path.dirname(request["file"])] + request["path"]
    ctx = context.Context(repository.FileRepository(os.pathsep.join(folders), use_env=False))
    ctx.opts = tree_options
    ctx.opts.features = []
    ctx.strict = ctx.canonical = ctx.lax_quote_checks = ctx.lax_xpath_checks = False
    ctx.max_line_len = ctx.max_identifier_len = None
    with open(request["file"], encoding="utf-8", newline="") as file:
        text = file.read()
    module = ctx.add_module(request["file"], text)
    ctx.validate()
    faults = [
        f"{position}: {error.err_to_str(tag, args)}"
        for position, tag, args in ctx.errors
        if error.is_error(error.err_level(tag))
    ]
    drawn = io.StringIO()
    if request["tree"] and not faults:
        tree.emit(ctx, [module], drawn)
    return {"accepts": not faults, "said": "\n".join(faults[:3]), "tree": drawn.getvalue()}


for line in sys.stdin:
    try:
        answer = judge(json.loads(line))
    except Exception as fault:  # What pyang stumbles over it does not judge.
        answer = {"accepts": None, "said": repr(fault), "tree": ""}
    print(json.dumps(answer), flush=True)
