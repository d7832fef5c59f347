//! The command line.

use std::io::IsTerminal;
use std::io::Write;
use std::process::ExitCode;
use std::sync::LazyLock;
use std::time::Duration;

use chrono::SubsecRound;
use clap::CommandFactory as _;
use clap::FromArgMatches as _;
use clap::Parser;
use clap::Subcommand;

use crate::adapters::export::ExportFault;
use crate::app::acts;
use crate::app::assess;
use crate::app::assess::AssessArgs;
use crate::app::audit;
use crate::app::audit::AuditArgs;
use crate::app::backup;
use crate::app::backup::BackupArgs;
use crate::app::backup::RestoreArgs;
use crate::app::bulletin;
use crate::app::bulletin::BulletinArgs;
use crate::app::chart;
use crate::app::chart::ChartArgs;
use crate::app::compact;
use crate::app::compact::CompactArgs;
use crate::app::credit;
use crate::app::credit::CreditArgs;
use crate::app::crosscheck;
use crate::app::crosscheck::CrosscheckArgs;
use crate::app::dead_letters;
use crate::app::dead_letters::DeadLettersArgs;
use crate::app::delete;
use crate::app::delete::DeleteArgs;
use crate::app::devices;
use crate::app::devices::DevicesArgs;
use crate::app::doctor;
use crate::app::doctor::DoctorArgs;
use crate::app::export;
use crate::app::export::ExportArgs;
use crate::app::fault::exit_code;
use crate::app::gaps;
use crate::app::gaps::GapsArgs;
use crate::app::import;
use crate::app::import::ImportArgs;
use crate::app::index;
use crate::app::index::IndexArgs;
use crate::app::load;
use crate::app::load::LoadArgs;
use crate::app::lookups;
use crate::app::lookups::LookupsArgs;
use crate::app::mandates;
use crate::app::mandates::MandatesArgs;
use crate::app::publish;
use crate::app::publish::PublishArgs;
use crate::app::publish::RestatementsArgs;
use crate::app::qc;
use crate::app::qc::QcArgs;
use crate::app::rank;
use crate::app::rank::RankArgs;
use crate::app::rate;
use crate::app::rate::RateArgs;
use crate::app::receipt;
use crate::app::receipt::ReceiptArgs;
use crate::app::register;
use crate::app::register::RegisterArgs;
use crate::app::replay;
use crate::app::replay::ReplayArgs;
use crate::app::retention;
use crate::app::retention::RetentionArgs;
use crate::app::review;
use crate::app::review::ReviewArgs;
use crate::app::rulebook;
use crate::app::rulebook::RulebookArgs;
use crate::app::seeding;
use crate::app::seeding::SeedArgs;
use crate::app::serve;
use crate::app::serve::DemoArgs;
use crate::app::serve::ServeArgs;
use crate::app::signals::Stopped;
use crate::app::signals::unless_stopped;
use crate::app::snapshot;
use crate::app::snapshot::SnapshotArgs;
use crate::app::stats;
use crate::app::stats::StatsArgs;
use crate::app::targets;
use crate::app::targets::TargetsArgs;
use crate::app::tokens;
use crate::app::tokens::TokensArgs;
use crate::app::usage;
use crate::app::users;
use crate::app::users::UsersArgs;
use crate::app::verify;
use crate::app::verify::VerifyArgs;
use crate::app::webhooks;
use crate::app::webhooks::WebhooksArgs;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Zone;

/// Air-quality readings in over MQTT; averages, good-day ratios, targets and enterprise credit tiers out.
#[derive(Parser, Debug)]
#[command(name = "skytier", version, propagate_version = true)]
#[command(after_help = "\
Start with `skytier demo`; every command has examples in its own --help.
Exit codes: 0 done, 1 the answer is no, 2 bad input or usage, 3 the environment failed.
Logs go to standard error; SKYTIER_LOG sets the level (info), SKYTIER_LOG_FORMAT=json the form.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Serve(ServeArgs),
    Demo(DemoArgs),
    Seed(SeedArgs),
    Register(RegisterArgs),
    Review(ReviewArgs),
    Delete(DeleteArgs),
    Retention(RetentionArgs),
    Tokens(TokensArgs),
    Devices(DevicesArgs),
    Mandates(MandatesArgs),
    Users(UsersArgs),
    Audit(AuditArgs),
    Lookups(LookupsArgs),
    Replay(ReplayArgs),
    Assess(AssessArgs),
    Targets(TargetsArgs),
    Rank(RankArgs),
    Index(IndexArgs),
    Bulletin(BulletinArgs),
    Chart(ChartArgs),
    /// Credit tiers from a file of ledger entries.
    Rate(RateArgs),
    Rulebook(RulebookArgs),
    Credit(CreditArgs),
    Receipt(ReceiptArgs),
    Webhooks(WebhooksArgs),
    Snapshot(SnapshotArgs),
    Export(ExportArgs),
    Publish(PublishArgs),
    Restatements(RestatementsArgs),
    Doctor(DoctorArgs),
    Verify(VerifyArgs),
    Crosscheck(CrosscheckArgs),
    Load(LoadArgs),
    Restore(RestoreArgs),
    Backup(BackupArgs),
    Compact(CompactArgs),
    Stats(StatsArgs),
    Gaps(GapsArgs),
    Import(ImportArgs),
    Qc(QcArgs),
    #[command(name = "dead-letters")]
    DeadLetters(DeadLettersArgs),
}

/// The clock, read in this layer alone.
pub fn now() -> Instant {
    Instant::from_unix(chrono::Utc::now().timestamp())
}

/// Time since it was asked for first, by a clock that is never set back.
pub fn elapsed() -> Duration {
    static BEGUN: LazyLock<std::time::Instant> = LazyLock::new(std::time::Instant::now);
    BEGUN.elapsed()
}

/// Decimal places of a second that entries of the ledger keep.
const MOMENT_DIGITS: u16 = 6;

/// The moment to the microsecond, as entries of the ledger and answers from it carry it.
pub fn moment() -> chrono::DateTime<chrono::FixedOffset> {
    let now = chrono::Utc::now().trunc_subsecs(MOMENT_DIGITS);
    now.with_timezone(&Zone::beijing().offset())
}

/// Today in the zone of the standards.
pub fn today() -> chrono::NaiveDate {
    Zone::beijing().local(now()).date_naive()
}

/// The command line as it is read.
pub(super) fn command() -> clap::Command {
    Cli::command()
}

/// Runs a command and notes what it changed.
async fn noted(matches: &clap::ArgMatches, command: Command) -> anyhow::Result<()> {
    let deed = acts::before(matches, now())?;
    run(command).await?;
    deed.map_or(Ok(()), |deed| deed.done(now()))
}

/// Runs the command line; errors go to standard error on one line.
pub fn main() -> ExitCode {
    let matches = command().try_get_matches();
    let read = matches.and_then(|matches| Ok((Cli::from_arg_matches(&matches)?, matches)));
    let (cli, matches) = match read {
        Ok(read) => read,
        Err(error) => match usage::one_line(&error) {
            // Help and the version go to standard output, as they were asked for.
            None => error.exit(),
            Some(line) => {
                drop(writeln!(
                    std::io::stderr(),
                    "skytier: {line}; --help tells more"
                ));
                return ExitCode::from(2);
            }
        },
    };
    start_log();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(cause) => {
            eprintln!("skytier: failed to start: {cause}");
            return ExitCode::from(3);
        }
    };
    let ended = runtime.block_on(noted(&matches, cli.command));
    if ended.as_ref().is_err_and(|error| error.is::<Stopped>()) {
        // What copies or reads on a thread of its own is not waited for.
        runtime.shutdown_background();
    }
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // The exit code counts, whether or not the words can be written.
            drop(writeln!(std::io::stderr(), "skytier: {error:#}"));
            ExitCode::from(exit_code(&error))
        }
    }
}

/// Whoever read our output has seen enough, as `head` does.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let io = error.chain().find_map(io_behind);
    io.is_some_and(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe)
}

/// The failure to read or write that a fault tells of, also where it does so in that one's own words.
fn io_behind<'a>(cause: &'a (dyn std::error::Error + 'static)) -> Option<&'a std::io::Error> {
    if let Some(fault) = cause.downcast_ref::<ExportFault>() {
        return fault.io();
    }
    match cause.downcast_ref::<csv::Error>().map(csv::Error::kind) {
        Some(csv::ErrorKind::Io(cause)) => Some(cause),
        _ => cause.downcast_ref(),
    }
}

fn start_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("SKYTIER_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    // A log that cannot be written, as on a full disk, must not end what it tells of.
    let log = tracing_subscriber::fmt()
        .log_internal_errors(false)
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    if std::env::var("SKYTIER_LOG_FORMAT").is_ok_and(|form| form == "json") {
        log.json().init();
    } else {
        log.init();
    }
}

async fn run(command: Command) -> anyhow::Result<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout());
    match command {
        Command::Serve(args) => serve::serve(args).await?,
        Command::Demo(args) => serve::demo(args).await?,
        Command::Seed(args) => seeding::run(args, today(), now()).await?,
        Command::Review(args) => review::run(&args, now(), &mut out).await?,
        Command::Delete(args) => delete::run(&args, now(), &mut out).await?,
        Command::Retention(args) => retention::run(&args, now(), &mut out).await?,
        Command::Devices(args) => devices::run(args, now(), &mut out)?,
        Command::Tokens(args) => tokens::run(args, now(), &mut out)?,
        Command::Audit(args) => audit::run(&args, &mut out)?,
        Command::Lookups(args) => lookups::run(&args, &mut out).await?,
        Command::Users(args) => users::run(args, now(), &mut out)?,
        Command::Mandates(args) => mandates::run(args, now(), &mut out)?,
        Command::Register(args) => register::run(&args, &mut out).await?,
        Command::Replay(args) => {
            let sent = replay::run(&args).await?;
            let seconds = sent.took.as_secs_f64();
            writeln!(
                out,
                "{} messages with {} values acknowledged in {seconds:.1} s",
                sent.messages, sent.values
            )?;
        }
        Command::Assess(args) => assess::assess(args, now(), &mut out).await?,
        Command::Bulletin(args) => bulletin::run(args, now(), &mut out).await?,
        Command::Chart(args) => chart::run(&args, now, &mut out).await?,
        Command::Targets(args) => targets::run(args, now(), &mut out).await?,
        Command::Index(args) => index::run(&args, &mut out)?,
        Command::Rank(args) => rank::run(args, now(), &mut out).await?,
        Command::Rate(args) => rate::rate(args, today(), &mut out)?,
        Command::Receipt(args) => receipt::run(&args, now(), &mut out)?,
        Command::Snapshot(args) => snapshot::run(&args, now(), moment(), &mut out).await?,
        Command::Webhooks(args) => webhooks::run(&args, now(), &mut out).await?,
        Command::Credit(args) => credit::run(args, moment(), &mut out).await?,
        Command::Rulebook(args) => rulebook::run(args, today(), &mut out).await?,
        Command::Export(args) => export::run(args, &mut out).await?,
        Command::DeadLetters(args) => dead_letters::run(&args, &mut out).await?,
        Command::Publish(args) => publish::publish(args, now, &mut out).await?,
        Command::Restatements(args) => publish::restatements(args, now(), &mut out).await?,
        Command::Qc(args) => qc::run(&args, &mut out).await?,
        Command::Import(args) => import::run(&args, &mut out).await?,
        Command::Gaps(args) => gaps::run(&args, now(), &mut out).await?,
        Command::Stats(args) => stats::run(&args, &mut out).await?,
        Command::Compact(args) => compact::run(&args, &mut out)?,
        Command::Backup(args) => unless_stopped(backup::backup(&args, &mut out)).await?,
        Command::Restore(args) => unless_stopped(backup::restore(&args, &mut out)).await?,
        Command::Load(args) => load::run(&args, &mut out).await?,
        Command::Crosscheck(args) => crosscheck::run(&args, &mut out).await?,
        Command::Doctor(args) => doctor::run(&args, now, &mut out).await?,
        Command::Verify(args) => verify::run(args, &mut out).await?,
    }
    out.flush()?;
    Ok(())
}
