//! Who may publish at the endpoint, and under which topics: by user name and password, or by client certificate.
//!
//! A password is proved by Argon2id once and then by a keyed digest kept in memory, so that a thousand devices that connect
//! again cost a thousand digests. After a start nothing is proved yet: proofs run side by side on a few cores, each address
//! has its own lane to them, and one that was begun is remembered even when its client has hung up meanwhile. So a storm
//! ends, and whoever tries out passwords keeps nobody waiting but those of its own address, and these no longer than their
//! turn. Nobody is ever locked out: only the answer to a wrong password is held back, longer each time.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::sync::Weak;
use std::time::Duration;
use std::time::Instant;

use bytes::Bytes;
use sha2::Digest as _;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;
use tokio::sync::mpsc;
use tokio::sync::watch;

use crate::adapters::limits::Area;
use crate::adapters::limits::Seldom;
use crate::flow::locked::locked;

/// Proofs by Argon2id at once, and of one address.
const PROOFS_MAX: usize = 2;
/// Addresses with proofs under way or failures remembered; beyond that the oldest are forgotten.
const REMEMBERED_MAX: usize = 20_000;
/// How long the first wrong password's answer is held back, and the longest time; it doubles.
const DELAY: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(8));
/// Wrong passwords are forgotten after so long without another.
const FORGET: Duration = Duration::from_secs(600);
/// A user name longer than this is none of ours.
const NAME_BYTES_MAX: usize = 128;
/// Characters of a claimed name or a refused topic that are told.
const ABOUT_CHARS_MAX: usize = 120;

/// A device that may connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its user name.
    pub id: String,
    /// What its topics start with, such as `skytier/v1/stations/Dongsi/`; without a slash at the end: one topic.
    pub topics: Vec<String>,
    /// Its password as Argon2id made it; none: by certificate alone.
    pub password: Option<String>,
    /// A name in its client certificate.
    pub certificate: Option<String>,
}

impl Device {
    /// Whether a topic is its own.
    pub fn owns(&self, topic: &str) -> bool {
        let owns = |own: &String| match own.ends_with('/') {
            true => topic.starts_with(own),
            false => topic == own,
        };
        self.topics.iter().any(owns)
    }
}

/// When devices must show who they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Credentials {
    /// Once there is a device, or when others than this machine can reach a listener.
    #[default]
    Auto,
    /// Always.
    Required,
    /// Never: whoever connects may publish on every topic.
    Off,
}

/// What a client shows.
#[derive(Clone, Debug, Default)]
pub(in crate::adapters) struct Claim {
    /// The user name of its CONNECT.
    pub(in crate::adapters) name: Option<String>,
    /// The password.
    pub(in crate::adapters) password: Option<Bytes>,
    /// Names in its certificate.
    pub(in crate::adapters) names: Vec<String>,
}

/// A claim that does not hold, and for how long the answer is held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::adapters) struct Unproved {
    pub(in crate::adapters) delay: Duration,
}

/// Somebody who was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// `mqtt.login`, `mqtt.publish` or `hj212.login`.
    pub what: &'static str,
    /// The device, where it is known.
    pub device: Option<String>,
    /// The user name that was claimed, or the topic.
    pub about: String,
    /// From where.
    pub address: IpAddr,
}

/// Proves a password against what Argon2id made of one; `None`: against one nobody has.
pub type Prove = fn(Option<&str>, &[u8]) -> bool;

#[derive(Default)]
struct Listed {
    required: bool,
    by_id: HashMap<String, Arc<Device>>,
    by_certificate: HashMap<String, Arc<Device>>,
}

struct Failures {
    count: u32,
    last: Instant,
}

/// All devices, and what is proved.
pub struct Devices {
    credentials: Credentials,
    prove: Prove,
    key: [u8; 32],
    listed: RwLock<Listed>,
    changes: watch::Sender<u64>,
    proved: Mutex<HashMap<String, [u8; 32]>>,
    cores: Arc<Semaphore>,
    lanes: Mutex<HashMap<Area, Weak<Semaphore>>>,
    failures: Mutex<HashMap<(Area, String), Failures>>,
    seldom: Seldom,
    told: Option<mpsc::Sender<Incident>>,
}

impl Devices {
    /// No devices yet. `key` are random bytes that no one else knows.
    pub fn new(credentials: Credentials, key: [u8; 32], prove: Prove) -> Self {
        Self {
            credentials,
            prove,
            key,
            listed: RwLock::default(),
            changes: watch::Sender::new(0),
            proved: Mutex::default(),
            cores: Arc::new(Semaphore::new(PROOFS_MAX)),
            lanes: Mutex::default(),
            failures: Mutex::default(),
            seldom: Seldom::default(),
            told: None,
        }
    }

    /// Tells of refusals; those that find no room are only logged.
    #[must_use]
    pub fn telling(mut self, told: mpsc::Sender<Incident>) -> Self {
        self.told = Some(told);
        self
    }

    /// Logs a refusal and tells of it, once a minute for each device or, where none is known, each address.
    pub(in crate::adapters) fn refused(
        &self,
        what: &'static str,
        device: Option<&str>,
        about: &str,
        address: IpAddr,
    ) {
        let who = device.map_or_else(|| Area::of(address).to_string(), str::to_owned);
        if !self.seldom.due(&format!("{what} {who}")) {
            return;
        }
        let about: String = about
            .chars()
            .filter(|c| !c.is_control())
            .take(ABOUT_CHARS_MAX)
            .collect();
        tracing::warn!(%address, device, about, "{what} refused; told once a minute");
        if let Some(told) = &self.told {
            // With no room the log has it.
            drop(told.try_send(Incident {
                what,
                device: device.map(str::to_owned),
                about,
                address,
            }));
        }
    }

    /// A door without a lock: whoever connects may publish on every topic.
    pub fn open() -> Self {
        Self::new(Credentials::Off, [0; 32], |_, _| false)
    }

    /// Takes the devices there are now. `any`: whether there were ever any, disabled ones included.
    pub fn replace(&self, devices: Vec<Device>, any: bool) {
        let devices: Vec<Arc<Device>> = devices.into_iter().map(Arc::new).collect();
        let certified = devices.iter().filter_map(|device| {
            let name = device.certificate.clone()?;
            Some((name, Arc::clone(device)))
        });
        let listed = Listed {
            required: any,
            by_certificate: certified.collect(),
            by_id: devices
                .iter()
                .map(|device| (device.id.clone(), Arc::clone(device)))
                .collect(),
        };
        locked(&self.proved).retain(|id, _| listed.by_id.contains_key(id));
        *self.listed.write().unwrap_or_else(PoisonError::into_inner) = listed;
        self.changes.send_modify(|count| *count += 1);
    }

    /// Counts how often they changed.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Whether a device is still what it was when it connected.
    pub(in crate::adapters) fn stands(&self, device: &Device) -> bool {
        self.find(&device.id).is_some_and(|now| *now == *device)
    }

    /// Whether whoever connects must show who that is.
    pub fn required(&self) -> bool {
        match self.credentials {
            Credentials::Required => true,
            Credentials::Off => false,
            Credentials::Auto => {
                self.listed
                    .read()
                    .unwrap_or_else(PoisonError::into_inner)
                    .required
            }
        }
    }

    fn find(&self, id: &str) -> Option<Arc<Device>> {
        let listed = self.listed.read().unwrap_or_else(PoisonError::into_inner);
        listed.by_id.get(id).cloned()
    }

    fn certified(&self, names: &[String]) -> Option<Arc<Device>> {
        let listed = self.listed.read().unwrap_or_else(PoisonError::into_inner);
        names
            .iter()
            .find_map(|name| listed.by_certificate.get(name).cloned())
    }

    /// Who it is; nobody in particular where that is not asked for.
    ///
    /// # Errors
    /// [`Unproved`] when it is not shown.
    pub(in crate::adapters) async fn admit(
        self: &Arc<Self>,
        claim: Claim,
        area: Area,
    ) -> Result<Option<Arc<Device>>, Unproved> {
        if !self.required() {
            return Ok(None);
        }
        let name = claim
            .name
            .filter(|name| !name.is_empty() && name.len() <= NAME_BYTES_MAX);
        if let Some(device) = self.certified(&claim.names)
            && name.as_ref().is_none_or(|name| *name == device.id)
        {
            return Ok(Some(device));
        }
        let name = name.unwrap_or_default();
        let device = self.find(&name);
        let kept = device.as_ref().and_then(|device| device.password.clone());
        let password = claim.password.unwrap_or_default();
        if self.proven(&name, kept, password, area).await {
            return Ok(device);
        }
        Err(Unproved {
            delay: self.failed(area, name),
        })
    }

    /// Whether the password is the device's. One that is kept nowhere takes as long.
    async fn proven(
        self: &Arc<Self>,
        name: &str,
        kept: Option<String>,
        password: Bytes,
        area: Area,
    ) -> bool {
        let mark = kept.as_deref().map(|kept| self.mark(name, kept, &password));
        if self.is_proved(name, mark) {
            return true;
        }
        let (Ok(turn), Ok(core)) = (
            self.lane(area).acquire_owned().await,
            Arc::clone(&self.cores).acquire_owned().await,
        ) else {
            return false;
        };
        // Another connection of the device may have come before.
        if self.is_proved(name, mark) {
            return true;
        }
        let (own, name) = (Arc::clone(self), name.to_owned());
        let proof = tokio::task::spawn_blocking(move || {
            let proved = (own.prove)(kept.as_deref(), &password);
            if let (true, Some(mark)) = (proved, mark) {
                locked(&own.proved).insert(name, mark);
            }
            drop((turn, core));
            proved && kept.is_some()
        });
        proof.await.unwrap_or(false)
    }

    fn is_proved(&self, name: &str, mark: Option<[u8; 32]>) -> bool {
        let proved = locked(&self.proved).get(name).copied();
        matches!((mark, proved), (Some(mark), Some(proved)) if mark.ct_eq(&proved).into())
    }

    /// What stands for a proved password; it means nothing without our key, nor after a change of the password.
    fn mark(&self, name: &str, kept: &str, password: &[u8]) -> [u8; 32] {
        let mut digest = Sha256::new();
        digest.update(self.key);
        for part in [name.as_bytes(), kept.as_bytes(), password] {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        digest.finalize().into()
    }

    /// The lane of an address to the cores.
    fn lane(&self, area: Area) -> Arc<Semaphore> {
        let mut lanes = locked(&self.lanes);
        if let Some(lane) = lanes.get(&area).and_then(Weak::upgrade) {
            return lane;
        }
        if lanes.len() >= REMEMBERED_MAX {
            lanes.retain(|_, lane| lane.strong_count() > 0);
        }
        let lane = Arc::new(Semaphore::new(PROOFS_MAX));
        lanes.insert(area, Arc::downgrade(&lane));
        lane
    }

    /// Counts a wrong password; how long its answer is held back.
    fn failed(&self, area: Area, name: String) -> Duration {
        let now = Instant::now();
        let mut failures = locked(&self.failures);
        if failures.len() >= REMEMBERED_MAX {
            failures.retain(|_, own| now.duration_since(own.last) < FORGET);
        }
        if failures.len() >= REMEMBERED_MAX {
            failures.clear();
        }
        let own = failures.entry((area, name)).or_insert(Failures {
            count: 0,
            last: now,
        });
        if now.duration_since(own.last) >= FORGET {
            own.count = 0;
        }
        let (first, longest) = DELAY;
        let delay = first.saturating_mul(1 << own.count.min(16)).min(longest);
        (own.count, own.last) = (own.count.saturating_add(1), now);
        delay
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering;

    static PROOFS: AtomicUsize = AtomicUsize::new(0);

    /// Stands in for Argon2id: what is kept is the password itself.
    fn prove(kept: Option<&str>, password: &[u8]) -> bool {
        PROOFS.fetch_add(1, Ordering::SeqCst);
        kept.is_some_and(|kept| kept.as_bytes() == password)
    }

    fn device(id: &str, password: Option<&str>, certificate: Option<&str>) -> Device {
        Device {
            id: id.to_owned(),
            topics: vec![format!("skytier/v1/stations/{id}/")],
            password: password.map(str::to_owned),
            certificate: certificate.map(str::to_owned),
        }
    }

    fn claim(name: &str, password: &'static str, names: &[&str]) -> Claim {
        Claim {
            name: (!name.is_empty()).then(|| name.to_owned()),
            password: (!password.is_empty()).then(|| Bytes::from_static(password.as_bytes())),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    fn area() -> Area {
        Area::of("10.0.0.1".parse().expect("an address"))
    }

    #[tokio::test]
    async fn who_is_let_in_and_as_whom() {
        let devices = Arc::new(Devices::new(Credentials::Auto, [7; 32], prove));
        let free = devices.admit(Claim::default(), area()).await;
        assert_eq!(free, Ok(None), "no device yet");
        let all = vec![
            device("s1", Some("rain"), None),
            device("s2", None, Some("s2.example")),
        ];
        devices.replace(all, true);
        for (name, password, names, expected) in [
            ("s1", "rain", &[][..], Some("s1")),
            ("s1", "snow", &[], None),
            ("s1", "", &[], None),
            ("", "", &[], None),
            ("", "rain", &[], None),
            ("s9", "rain", &[], None),
            ("s2", "rain", &[], None),
            ("", "", &["x", "s2.example"], Some("s2")),
            ("s2", "", &["s2.example"], Some("s2")),
            // The certificate of one and the name of another: the password decides.
            ("s1", "rain", &["s2.example"], Some("s1")),
            ("s1", "snow", &["s2.example"], None),
        ] {
            let found = devices.admit(claim(name, password, names), area()).await;
            let found = found.ok().flatten().map(|device| device.id.clone());
            assert_eq!(found.as_deref(), expected, "{name} {password} {names:?}");
        }
        // Proved once, and anew after a change.
        let before = PROOFS.load(Ordering::SeqCst);
        assert!(
            devices
                .admit(claim("s1", "rain", &[]), area())
                .await
                .is_ok()
        );
        assert_eq!(PROOFS.load(Ordering::SeqCst), before);
        let old = devices.find("s1").expect("there");
        devices.replace(vec![device("s1", Some("hail"), None)], true);
        assert!(!devices.stands(&old));
        assert!(
            devices
                .admit(claim("s1", "rain", &[]), area())
                .await
                .is_err()
        );
        assert!(
            devices
                .admit(claim("s1", "hail", &[]), area())
                .await
                .is_ok()
        );
        // All disabled is not the same as none.
        devices.replace(Vec::new(), true);
        assert!(
            devices
                .admit(claim("s1", "hail", &[]), area())
                .await
                .is_err()
        );
    }

    #[test]
    fn a_topic_is_owned_by_its_start_or_whole() {
        let mut own = device("s1", None, None);
        own.topics.push("tele/s1".to_owned());
        for (topic, expected) in [
            ("skytier/v1/stations/s1/readings", true),
            ("skytier/v1/stations/s11/readings", false),
            ("tele/s1", true),
            ("tele/s11", false),
            ("tele/s1/x", false),
        ] {
            assert_eq!(own.owns(topic), expected, "{topic}");
        }
    }

    #[test]
    fn answers_to_wrong_passwords_are_held_back_longer_each_time() {
        let devices = Devices::open();
        let failed = |name: &str| devices.failed(area(), name.to_owned()).as_millis();
        let delays: Vec<u128> = (0..7).map(|_| failed("s1")).collect();
        assert_eq!(delays, [250, 500, 1_000, 2_000, 4_000, 8_000, 8_000]);
        assert_eq!(failed("s2"), 250, "another account");
    }
}
