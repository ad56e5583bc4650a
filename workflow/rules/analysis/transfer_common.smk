# Labels of other patients, and further readings of this cohort's labels, and the helpers of their rules.
OTHERS = {name: methods.parse_method(entry, locate) for name, entry in config["transfer"].items()}
READERS = {name: methods.parse_method(entry, locate) for name, entry in config["readers"].items()}


def find_record(method):
    """Return where the clinical record of another cohort lies."""
    return str(method.folder / "kits.json")


RECORDED = [name for name, method in OTHERS.items() if Path(find_record(method)).is_file()]


def find_labels(key, method):
    """Find the label volume of each case in a folder; if there is none, or not one of each, end with an error."""
    try:
        return methods.find_labels(method)
    except errors.UserError as error:
        errors.fail(f"{key}: {error}")


def find_others(wildcards):
    """Find another cohort's label volumes: that of each case, and the cases that this run has, too."""
    key, method = f"transfer.{wildcards.name}", OTHERS[wildcards.name]
    labels = find_labels(key, method)
    known = [case for case in labels if case in COHORT.cases]
    if len(known) == len(labels):
        errors.fail(
            f"{key}: each of the {len(labels)} cases in {method.folder} is a case of this run, too; name a folder of other "
            "patients here, and another reading of the same ones in readers"
        )
    return {case: label for case, label in labels.items() if case not in known}, known


def find_readings(wildcards):
    """Find a second reading's label volumes: that of each case that is labeled here, too."""
    key, method = f"readers.{wildcards.name}", READERS[wildcards.name]
    labels = find_labels(key, method)
    known = {case: label for case, label in labels.items() if case in COHORT.labeled}
    if not known:
        errors.fail(
            f"{key}: no case in {method.folder} is a labeled case of this run; the first there is {next(iter(labels))}, "
            f"here {COHORT.labeled[0] if COHORT.labeled else 'none'}"
        )
    return known


def stamp_labels(labels):
    """Stamp the label volumes of another folder, which may be replaced by older ones."""
    return [scan_folder.stamp_files(Path(label)) for label in labels.values()]


def list_values(method, *parts):
    """List the command-line options for the labels of a folder, if the configuration names some."""
    return configuration.make_options({f"{part}_values": method.values[part] for part in parts if method.values})


def require_records(wildcards):
    """Return no file; if no other cohort has a clinical record and a kidney, end with an error when jobs are planned."""
    if not RECORDED:
        errors.fail(
            "transfer: there is no other cohort with a clinical record; name folders of label volumes that have their "
            "kits.json: --config transfer='{kits23: my_labels}'"
        )
    for name in RECORDED:
        values = OTHERS[name].values
        if values and set(values["kidney"]) & set(values["tumor"]):
            errors.fail(f"transfer.{name}.kidney is not named; name the labels that mean kidney, as [1, 3]")
    return []


def require_readers(wildcards):
    """Return no file; if there is no second reading, end with an error when jobs are planned."""
    require_cohort(wildcards)
    if not READERS:
        errors.fail(
            "readers: there is no second reading; name folders with other labels of the same cases: "
            "--config readers='{second: my_labels}'"
        )
    return []
