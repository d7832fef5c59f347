//! `skytier review`: a reviewer's decisions about stored readings, from CSV.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use crate::adapters::reviews;
use crate::adapters::tables::Draft;
use crate::adapters::tables::Signature;
use crate::adapters::tables::decisions_of_csv;
use crate::app::fault::bad_input;
use crate::app::open;
use crate::app::register;
use crate::domain::calendar::Instant;
use crate::domain::review::is_name;
use crate::flow::reviewing::ReviewFault;
use crate::flow::reviewing::Reviewing;

/// Enter a reviewer's decisions about readings, or print those entered.
///
/// A decision confirms readings, voids them with a stated reason or corrects them. The readings stay as received;
/// decisions lie over them where --review reviewed is asked for. The last decision about a reading counts: void and
/// correct stand until decided again, a confirmation until the sender corrects the value. All rows go in together
/// or, with any fault, none. The directory must not be in use by a daemon: a running one takes decisions at
/// POST /v1/reviews.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Columns of the file:
  source,factor,stat,interval_s,time,from,to,decision,value,reason
Either time, one reading, or from and to, readings after from up to and including to. stat is avg and interval_s
3600 when empty. decision is confirm, void or correct; value belongs to correct alone. void and correct need a
reason that says what shows it; \"abnormal\" is none.

Examples:
  printf '%s\\n' source,factor,stat,interval_s,time,from,to,decision,value,reason \\
    'Dongsi,pm25,,,2016-12-01T05:00:00+08:00,,,void,,zero check until 05:00' > /tmp/review.csv
  skytier review --data var/city --reviewer 'Li Na' /tmp/review.csv
  skytier review --data var/city --list")]
pub struct ReviewArgs {
    /// The data directory.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The decisions; - reads standard input.
    #[arg(value_name = "FILE", required_unless_present = "list")]
    file: Option<String>,
    /// Who decides.
    #[arg(long, value_name = "NAME", required_unless_present = "list")]
    reviewer: Option<String>,
    /// Print every decision as a line of JSON instead; works beside a running daemon.
    #[arg(long, conflicts_with_all = ["file", "reviewer"])]
    list: bool,
}

/// Runs the command.
///
/// # Errors
/// Faults of the file, all of them with file and line, or those of the store.
pub async fn run(args: &ReviewArgs, now: Instant, out: &mut impl Write) -> anyhow::Result<()> {
    let (Some(file), Some(reviewer)) = (&args.file, &args.reviewer) else {
        let stores = open::for_reading(&args.data)?;
        let zone = open::zone(&stores).await?;
        for (id, decision) in (1..).zip(&stores.reviews.decisions().await?) {
            let line = reviews::decision_json(zone, id, decision);
            writeln!(out, "{line}")?;
        }
        return Ok(());
    };
    if !is_name(reviewer) {
        return Err(bad_input(format!(
            "--reviewer: {reviewer:?} is not a name without blanks around it"
        )));
    }
    let text = register::text(file)?;
    let signature = Signature {
        reviewer,
        decided_at: now,
    };
    let place = if file == "-" { "standard input" } else { file };
    let drafts =
        decisions_of_csv(place, &text, signature).map_err(|faults| bad_input(faults.join("\n")))?;
    let stores = open::for_writing(&args.data)?;
    let reviewing =
        Reviewing::open(Arc::clone(&stores.reviews), Arc::clone(&stores.series)).await?;
    let (places, decisions): (Vec<_>, Vec<_>) = drafts
        .into_iter()
        .map(|Draft { place, decision }| (place, decision))
        .unzip();
    let entered = reviewing
        .enter(decisions)
        .await
        .map_err(|fault| match fault {
            ReviewFault::Refused(faults) => {
                let told = faults
                    .iter()
                    .map(|(at, fault)| format!("{}: {fault}", places[*at]));
                bad_input(told.collect::<Vec<_>>().join("\n"))
            }
            ReviewFault::Store(error) => error.into(),
        })?;
    let (new, repeated) = (entered.new, entered.repeated);
    writeln!(out, "{new} decisions entered, {repeated} stood already")?;
    Ok(())
}
