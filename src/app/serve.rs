//! `skytier serve` and `skytier demo`.

use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;

use anyhow::Context as _;
use indicatif::ProgressBar;
use indicatif::ProgressStyle;

use crate::adapters::layout::Layout;
use crate::adapters::payload::topic::Topics;
use crate::app::cli::now;
use crate::app::cli::today;
use crate::app::config;
use crate::app::config::Settings;
use crate::app::daemon::Daemon;
use crate::app::fault::bad_input;
use crate::app::open;
use crate::app::reload::Reload;
use crate::app::replay;
use crate::app::replay::Rate;
use crate::app::seeding;
use crate::app::seeds;
use crate::app::signals;

/// The mark that says the recorded readings were replayed to the end.
const REPLAY_MARK: &str = "demo.replayed";

/// Run the daemon.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Every key of the file can be overridden by the environment: http.listen as SKYTIER__HTTP__LISTEN.
SIGHUP has the file read again: retention and health.silent_* are applied, what else changed is told and needs a restart.

Examples:
  skytier serve
  skytier serve --config /etc/skytier.toml --data /var/lib/skytier
  SKYTIER__HTTP__LISTEN=127.0.0.1:9090 skytier serve")]
pub struct ServeArgs {
    /// Settings; without a file the defaults hold (see config/skytier.toml).
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data directory, over the file's data_dir.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// Run the daemon on seeds and recorded readings, replayed over MQTT the first time.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  skytier demo
  skytier demo --data var/demo")]
pub struct DemoArgs {
    /// The data directory; a second run starts at once from what it holds.
    #[arg(long, value_name = "DIR", default_value = "var/demo")]
    data: PathBuf,
}

fn settings(config: Option<&Path>, data: Option<PathBuf>) -> anyhow::Result<Settings> {
    let mut settings = config::load(config, std::env::vars()).map_err(bad_input)?;
    if let Some(data) = data {
        settings.data_dir = data;
    }
    Ok(settings)
}

/// Takes Ctrl-C and the termination signal from now on; resolves at the first of them. Called before anybody is
/// told that the daemon runs, so that no signal finds nobody.
fn asked_to_stop() -> anyhow::Result<impl Future<Output = ()>> {
    let asked = signals::first()?;
    Ok(async move {
        asked.await;
        // Standard error may be a file on a full disk; stopping goes on all the same.
        drop(writeln!(std::io::stderr(), "skytier: stopping"));
    })
}

/// Tells whoever started us. A closed standard output is no reason to stop.
fn say(text: std::fmt::Arguments<'_>) {
    drop(writeln!(std::io::stdout(), "{text}"));
}

/// Runs `serve`.
///
/// # Errors
/// Faulty settings, or what keeps the daemon from running.
pub async fn serve(args: ServeArgs) -> anyhow::Result<()> {
    let settings = settings(args.config.as_deref(), args.data)?;
    let hangups = signals::hangups()?;
    let daemon = Daemon::start(&settings, now).await?;
    let reload = Reload::new(args.config, daemon.reloadable()).map_err(bad_input)?;
    tokio::spawn(reload.run(hangups));
    let asked = asked_to_stop()?;
    say(format_args!("skytier: http://{}/", daemon.http));
    if let Some(https) = daemon.https {
        say(format_args!("skytier: https://{https}/"));
    }
    if let Some(mqtt) = daemon.mqtt {
        say(format_args!("skytier: mqtt://{mqtt}"));
    }
    if let Some(mqtts) = daemon.mqtts {
        say(format_args!("skytier: mqtts://{mqtts}"));
    }
    if let Some(hj212) = daemon.hj212 {
        say(format_args!("skytier: hj212://{hj212}"));
    }
    if let Some(code) = daemon.first_code() {
        let http = daemon.http;
        say(format_args!(
            "skytier: first administrator: open http://{http}/setup with the code {code}"
        ));
    }
    say(format_args!(
        "skytier: {}; Ctrl-C stops",
        daemon.access_words()
    ));
    daemon.run(asked).await
}

/// Runs `demo`.
///
/// # Errors
/// Faulty settings or seeds, missing recorded readings, or what keeps the daemon from running.
pub async fn demo(args: DemoArgs) -> anyhow::Result<()> {
    let settings = settings(None, Some(args.data.clone()))?;
    let stores = open::for_writing(&args.data)?;
    say(format_args!(
        "loading the seeds into {}",
        args.data.display()
    ));
    for name in seeds::NAMES {
        seeding::seed(&stores, name, today(), now()).await?;
    }
    let replayed = stores.registrar.mark(REPLAY_MARK).await?.is_some();
    let files = seeds::beijing_files(&seeds::dir()?)?;
    let registrar = std::sync::Arc::clone(&stores.registrar);
    let daemon = Daemon::start_on(stores, &settings, now).await?;
    let (http, mqtt) = (daemon.http, daemon.mqtt);
    let running = tokio::spawn(daemon.run(asked_to_stop()?));
    let mqtt = mqtt.context("the demo replays over the embedded endpoint; enable it")?;
    if !replayed {
        say(format_args!(
            "replaying recorded readings of {} stations over mqtt://{mqtt}",
            files.len()
        ));
        let bar = ProgressBar::no_length().with_style(style());
        let to = format!("mqtt://{mqtt}").parse()?;
        let topics = Topics::new(&settings.mqtt_prefix)?;
        let sent = replay::replay(
            &files,
            Layout::BeijingUci,
            &to,
            &topics,
            Rate::Max,
            Some(bar),
        )
        .await?;
        registrar
            .set_mark(REPLAY_MARK, &sent.messages.to_string())
            .await?;
        say(format_args!(
            "{} messages acknowledged in {:.1} s",
            sent.messages,
            sent.took.as_secs_f64()
        ));
    }
    let example = seed_example();
    say(format_args!("\nskytier is running: http://{http}/\n"));
    say(format_args!(
        "Try:\n  curl 'http://{http}/v1/enterprises/{example}/tier'"
    ));
    say(format_args!(
        "  curl 'http://{http}/v1/air/assessment?area=group:beijing6&from=2015-01-01&to=2016-12-31&by=year'"
    ));
    say(format_args!(
        "  mosquitto_pub -h {} -p {} -q 1 -t {}/stations/1999A/readings -m '{}'",
        mqtt.ip(),
        mqtt.port(),
        settings.mqtt_prefix,
        sample_payload()
    ));
    say(format_args!(
        "\nCtrl-C stops; a second run starts at once from {}.",
        args.data.display()
    ));
    running.await?
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{bar:30} {human_pos}/{human_len} messages, {per_sec}, {eta} left")
        .expect("the template is sound")
}

/// An enterprise of the seeds to ask about: the first one that is not blue tells most.
fn seed_example() -> String {
    let seeds = crate::app::seed_ledger::read(crate::app::seed_ledger::JIANGYIN, today());
    let record = seeds.ok().and_then(|seeds| {
        let is_record = |event: &&crate::domain::credit::CreditEvent| event.op() == "record";
        seeds
            .events
            .iter()
            .find(is_record)?
            .subject()
            .map(ToString::to_string)
    });
    record.unwrap_or_else(|| "USCC".to_owned())
}

fn sample_payload() -> String {
    let zone = crate::domain::calendar::Zone::beijing();
    let hour = now().plus_s(-now().unix().rem_euclid(3_600));
    format!(
        "{{\"time\":\"{}\",\"interval_s\":3600,\"values\":{{\"pm25\":40.7,\"co\":0.6}}}}",
        zone.text(hour)
    )
}
