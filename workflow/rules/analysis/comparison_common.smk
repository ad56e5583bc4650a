# Other segmentations of the test cases, with which this run is compared, and the helpers of their rules.
METHODS = {name: methods.parse_method(entry, locate) for name, entry in config["compare"].items()}
COMPARED = [config["run"], *METHODS]
TEST_CASES = sorted({case for cases in COHORT.tested.values() for case in cases})


def require_methods(wildcards):
    """Return no file; if there is nothing to compare with, end with an error when jobs are planned."""
    require_cohort(wildcards)
    if not METHODS:
        errors.fail(
            "compare: there is nothing to compare with; name folders with other segmentations of the test cases: "
            "--config compare='{other: results/other}'"
        )
    missing, useless = [], []
    for name, method in METHODS.items():
        found = [methods.find_segmentations(method, case) for case in TEST_CASES]
        if not method.folder.is_dir():
            missing.append(f"compare.{name}: there is no folder {method.folder}")
        elif found and not any(one.files for one in found):
            useless.append(f"compare.{name}: none of {len(found)} test cases; {TEST_CASES[0]}: {found[0].problem}")
        elif never := methods.list_never_found(method, found):
            missing.append(
                f"compare.{name}: no test case has a file {never[0]}.nii.gz; correct the name or take it out"
            )
    if missing or len(useless) == len(METHODS):  # a method with a folder does not take the tables of the others
        errors.fail("\n".join(missing + useless))
    return []


def find_compared(wildcards):
    """Find a case's segmentations, several if several splits test it, by a method or by this run."""
    if wildcards.method in METHODS:
        return mark_located(methods.find_segmentations(METHODS[wildcards.method], wildcards.case).files)
    folders = [folder for folder, cases in COHORT.tested.items() if wildcards.case in cases]
    return expand("<results>/{split}segmentations/{case}.nii.gz", split=folders, case=wildcards.case)


def describe_segmentation(name, method, found):
    """List the command-line options that say how a method's files of a case are read, beside `--<name>` with the files."""
    options = {f"{name}_{part}_values": labels for part, labels in (method.values or {}).items()}
    options |= {f"{name}_{part}_files": paths for part, paths in found.organs.items()}
    options |= {f"{name}_absent": found.absent} if found.absent else {}
    return configuration.make_options(options)


def describe_compared(wildcards):
    """List the command-line options that say how a method's files are read, or why a case has none."""
    if wildcards.method not in METHODS:
        return []
    method = METHODS[wildcards.method]
    found = methods.find_segmentations(method, wildcards.case)
    problem = ["--problem", found.problem] if found.problem else []
    return describe_segmentation("prediction", method, found) + problem


def stamp_compared(wildcards):
    """Stamp the files of another method, which may be replaced by older ones."""
    return (
        [scan_folder.stamp_files(Path(path)) for path in find_compared(wildcards)]
        if wildcards.method in METHODS
        else []
    )
