"""Print what was segmented and what to distrust; fail, with a line for each, if some scans could not be segmented."""

import kits.interrupt  # noqa: F401

import argparse
from pathlib import Path

from kits import cli, tables


def main(arguments: argparse.Namespace) -> None:
    table = tables.read_tables([arguments.scans], "scan", "warnings", "problem").fillna({"warnings": "", "problem": ""})
    good, refused = table[table["problem"] == ""], table[table["problem"] != ""]
    for row in good.itertuples():
        print(
            f"{row.scan}: kidneys {row.kidney_ml:.0f} mL, tumor {row.tumor_ml:.1f} mL ({row.tumors:.0f}); "
            f"{arguments.scans.parent / 'scans' / str(row.scan) / 'view.html'}"
        )
        for doubt in filter(None, row.warnings.split(" | ")):
            print(f"warning: {row.scan}: {doubt}")
    print(f"{len(good)} of {len(table)} scans segmented; table: {arguments.scans}")
    if len(refused):
        raise cli.UserError("\n".join(f"{row.scan}: {row.problem}" for row in refused.itertuples()))


if __name__ == "__main__":
    parser = cli.make_parser(__doc__)
    parser.add_argument("--scans", type=Path, required=True, help="table of all scans, scans.tsv")
    cli.run(main, parser)
