# Labels of other patients, and further readings of this cohort's labels, and the helpers of their rules.
OTHERS = {name: methods.parse_method(entry, locate) for name, entry in config["transfer"].items()}
READERS = {name: methods.parse_method(entry, locate) for name, entry in config["readers"].items()}


def find_labels(key, method):
    """Find the label volumes of a folder: their pattern and their cases; if there are none, end with an error."""
    try:
        return cohort.find_labels(method.folder)
    except errors.UserError as error:
        errors.fail(f"{key}: {error}")


def find_others(wildcards):
    """Find another cohort's label volumes: their pattern, their cases, and those that this run has, too."""
    key, method = f"transfer.{wildcards.name}", OTHERS[wildcards.name]
    pattern, cases = find_labels(key, method)
    known = [case for case in cases if case in COHORT.cases]
    if len(known) == len(cases):
        errors.fail(
            f"{key}: each of the {len(cases)} cases in {method.folder} is a case of this run, too; name a folder of other "
            "patients here, and another reading of the same ones in readers"
        )
    return pattern, [case for case in cases if case not in known], known


def find_readings(wildcards):
    """Find a second reading's label volumes: their pattern, and those of their cases that are labeled here, too."""
    key, method = f"readers.{wildcards.name}", READERS[wildcards.name]
    pattern, cases = find_labels(key, method)
    known = [case for case in cases if case in COHORT.labeled]
    if not known:
        errors.fail(
            f"{key}: no case in {method.folder} is a labeled case of this run; the first there is {cases[0]}, "
            f"here {COHORT.labeled[0] if COHORT.labeled else 'none'}"
        )
    return pattern, known


def list_labels(pattern, cases, *_):
    """List the label volumes of some cases."""
    return mark_located([pattern.replace("{case}", case) for case in cases])


def stamp_labels(pattern, cases, *_):
    """Stamp the label volumes of another folder, which may be replaced by older ones."""
    return [scan_folder.stamp_files(Path(pattern.replace("{case}", case))) for case in cases]


def list_values(method, *parts):
    """List the command-line options for the labels of a folder, if the configuration names some."""
    return configuration.make_options({f"{part}_values": method.values[part] for part in parts if method.values})


def require_readers(wildcards):
    """Return no file; if there is no second reading, end with an error when jobs are planned."""
    require_cohort(wildcards)
    if not READERS:
        errors.fail(
            "readers: there is no second reading; name folders with other labels of the same cases: "
            "--config readers='{second: my_labels}'"
        )
    return []
