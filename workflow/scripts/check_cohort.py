"""Check every case's headers, shapes and labels before any work, and report all bad cases at once."""

from kidney_tumor import cli
from kidney_tumor.data import remedies
from kidney_tumor.data.checks import check_case, check_folders, write_cohort


@cli.run_main("root", "cases", output="table of the cohort, .tsv")
@cli.take_option("threads", type=int, default=1, help="number of cases to check at once")
def main(arguments: cli.Arguments) -> None:
    check_folders(arguments.root, arguments.cases)
    calls = [(arguments.root, case) for case in arguments.cases]
    rows = remedies.collect_in_parallel(check_case, calls, arguments.threads)
    write_cohort(arguments.output, rows)
    print(f"{len(rows)} cases: headers, shapes and labels are valid")
