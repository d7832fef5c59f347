//! What every handler works with.

use std::ops::Deref;
use std::sync::Arc;

use chrono::DateTime;
use chrono::FixedOffset;
use tokio::sync::Semaphore;

use crate::adapters::access::Access;
use crate::adapters::hj212::settings::Counters as LoggerCounters;
use crate::adapters::http::hooks::Hooks;
use crate::adapters::http::kept_years::KeptYears;
use crate::adapters::http::live::Live;
use crate::adapters::http::observe::Observed;
use crate::adapters::inbound::Queue;
use crate::adapters::inbound::recent::Recent;
use crate::adapters::limits::Paces;
use crate::adapters::mqtt::settings::Counters;
use crate::adapters::receipt::Keys;
use crate::adapters::timestamps::Authority;
use crate::domain::assessment::Publication;
use crate::domain::calendar::Instant;
use crate::domain::calendar::Zone;
use crate::domain::credit::workdays::Workdays;
use crate::domain::exclusion::Reasons;
use crate::domain::qc::Rules;
use crate::domain::standards::Editions;
use crate::flow::assess::Assessor;
use crate::flow::directory::Directory;
use crate::flow::health::Health;
use crate::flow::ingest::Ingest;
use crate::flow::noting::Noting;
use crate::flow::reviewed::ReviewedDays;
use crate::flow::reviewing::Reviewing;
use crate::flow::rollup::Rollup;
use crate::flow::rollup::StationDays;
use crate::flow::tiering::Tiering;
use crate::flow::watch::Watch;
use crate::ports::Attendance;
use crate::ports::Letters;
use crate::ports::Publications;
use crate::ports::Series;

/// The parts of the web side in one place, so that each request counts up one pointer and not one for each part.
#[derive(Clone)]
pub struct WebState(Arc<WebParts>);

impl From<WebParts> for WebState {
    fn from(parts: WebParts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for WebState {
    type Target = WebParts;

    fn deref(&self) -> &WebParts {
        &self.0
    }
}

/// The flows and settings behind the web side.
pub struct WebParts {
    /// Who may do what.
    pub access: Arc<Access>,
    /// How often callers may ask, by their names.
    pub callers: Arc<Paces<String>>,
    /// Readings.
    pub series: Arc<dyn Series>,
    /// Messages that could not be used when they came.
    pub letters: Arc<dyn Letters>,
    /// Days.
    pub rollup: Arc<Rollup>,
    /// What is registered.
    pub directory: Arc<Directory>,
    /// Figures that were published.
    pub publications: Arc<dyn Publications>,
    /// Tiers.
    pub tiering: Arc<Tiering>,
    /// Records of look-ups.
    pub lookups: Arc<Noting>,
    /// Admission, for its counts.
    pub ingest: Arc<Ingest>,
    /// What stands in the way.
    pub health: Arc<Health>,
    /// Counts of the MQTT side, by name of the source.
    pub mqtt: Vec<(String, Arc<Counters>)>,
    /// Counts of the listener for data loggers, where it runs.
    pub loggers: Option<Arc<LoggerCounters>>,
    /// What waits for the store.
    pub queue: Queue,
    /// What was seen of requests.
    pub observed: Arc<Observed>,
    /// What came last.
    pub recent: Arc<Recent>,
    /// Who is there.
    pub watch: Arc<Watch>,
    /// Who was there, and when.
    pub attendance: Arc<dyn Attendance>,
    /// Standards.
    pub editions: Arc<Editions>,
    /// How figures are printed.
    pub publication: Publication,
    /// Decisions of reviewers.
    pub reviewing: Arc<Reviewing>,
    /// Days as reviewers left them.
    pub reviewed: Arc<ReviewedDays>,
    /// What exclusions may be for.
    pub reasons: Arc<Reasons>,
    /// The keys that sign receipts.
    pub receipts: Arc<Keys>,
    /// Who is told of changes, where anything is kept.
    pub hooks: Option<Hooks>,
    /// Who stamps receipts, if anybody is set.
    pub authority: Option<Arc<Authority>>,
    /// Working days, for the clocks of the ledger.
    pub workdays: Arc<Workdays>,
    /// Rules for single readings.
    pub rules: Rules,
    /// The zone whose days count.
    pub zone: Zone,
    /// Host and port of the embedded MQTT endpoint, to show how to publish.
    pub mqtt_address: Option<(String, u16)>,
    /// What topics begin with.
    pub mqtt_prefix: String,
    /// Places for work that takes a processor for a while.
    pub heavy: Arc<Semaphore>,
    /// Years as pages show them.
    pub years: Arc<KeptYears>,
    /// Pages that are told of changes.
    pub live: Live,
    /// The clock.
    pub clock: fn() -> Instant,
    /// The same clock, to the microsecond.
    pub moment: fn() -> DateTime<FixedOffset>,
}

impl WebParts {
    /// The clock's reading.
    pub fn now(&self) -> Instant {
        (self.clock)()
    }

    /// The clock's reading to the microsecond, in the zone whose days count.
    pub fn moment(&self) -> DateTime<FixedOffset> {
        (self.moment)().with_timezone(&self.zone.offset())
    }

    /// Does work that takes a processor for a while, so that everything else goes on: few at a time, and off
    /// the threads that serve connections.
    pub async fn compute<T>(&self, work: impl FnOnce() -> T) -> T {
        let place = self
            .heavy
            .acquire()
            .await
            .expect("the places are never closed");
        let done = tokio::task::block_in_place(work);
        drop(place);
        done
    }

    /// Assesses what is known now.
    pub fn assessor(&self) -> Assessor {
        self.assessor_of(self.rollup.now())
    }

    /// Assesses some station days.
    pub fn assessor_of(&self, days: Arc<StationDays>) -> Assessor {
        Assessor {
            editions: Arc::clone(&self.editions),
            publication: self.publication,
            registry: self.directory.now(),
            days,
        }
    }
}
