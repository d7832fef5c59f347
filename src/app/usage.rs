//! Faulty command lines, told on one line: what, where, and what would be right.

use clap::error::ErrorKind;

/// How clap begins a complaint, and its sections that follow what is wrong.
const PREFIX: &str = "error: ";
const USAGE: &str = "Usage:";
const MORE: &str = "For more information";

/// The complaint on one line; `None` where help or the version was asked for, which take as many as they need.
pub fn one_line(error: &clap::Error) -> Option<String> {
    match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => None,
        _ => Some(flat(&error.render().to_string())),
    }
}

/// Lines of a complaint as one; arguments that are listed one below the other get commas.
fn flat(told: &str) -> String {
    let of_it = |line: &&str| !line.starts_with(USAGE) && !line.starts_with(MORE);
    let lines = told.lines().take_while(of_it).map(str::trim);
    let mut flat = String::new();
    let mut listed = false;
    for line in lines.filter(|line| !line.is_empty()) {
        let line = line.strip_prefix(PREFIX).unwrap_or(line);
        let item = line.starts_with(['-', '<']);
        let joint = match (flat.is_empty(), listed && item, line.starts_with("tip: ")) {
            (true, ..) => "",
            (_, true, _) => ", ",
            (_, _, true) => "; ",
            _ => " ",
        };
        flat.push_str(joint);
        flat.push_str(line);
        listed = item;
    }
    flat
}

#[cfg(test)]
mod tests {
    use super::flat;

    #[test]
    fn a_complaint_takes_one_line() {
        for (told, expected) in [
            (
                "error: invalid value 'x' for '--by <BY>'\n  [possible values: day, month]\n\nFor more information, try '--help'.\n",
                "invalid value 'x' for '--by <BY>' [possible values: day, month]",
            ),
            (
                "error: the following required arguments were not provided:\n  --data <DIR>\n  --out <FILE>\n\nUsage: skytier x\n",
                "the following required arguments were not provided: --data <DIR>, --out <FILE>",
            ),
            (
                "error: unexpected argument '--dta' found\n\n  tip: a similar argument exists: '--data'\n\nUsage: skytier x\n",
                "unexpected argument '--dta' found; tip: a similar argument exists: '--data'",
            ),
        ] {
            assert_eq!(flat(told), expected);
        }
    }
}
