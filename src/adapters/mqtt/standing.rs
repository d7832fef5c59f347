//! Whether readings come in from a broker, and what is wrong with it: for readiness.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;

use crate::flow::locked::locked;
use rumqttc::v5::mqttbytes::v5::SubscribeReasonCode;

/// How a broker stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stands {
    /// Whether readings can come: it granted a subscription on the connection that is open.
    pub open: bool,
    /// What is wrong, in words.
    pub trouble: Option<String>,
}

/// How a broker stands just now; shared between its client and whoever looks.
#[derive(Clone, Debug)]
pub struct Standing(Arc<Mutex<Stands>>);

impl Default for Standing {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Stands {
            open: false,
            trouble: Some("not connected yet".to_owned()),
        })))
    }
}

impl Standing {
    fn lock(&self) -> MutexGuard<'_, Stands> {
        locked(&self.0)
    }

    /// How it stands now.
    pub fn now(&self) -> Stands {
        self.lock().clone()
    }

    /// The connection is gone, or was never made.
    pub(super) fn lost(&self, fault: &str) {
        *self.lock() = Stands {
            open: false,
            trouble: Some(format!("no connection: {fault}")),
        };
    }

    /// The broker answered what was asked of it; what it refused, in words.
    pub(super) fn subscribed(
        &self,
        filters: &[String],
        codes: &[SubscribeReasonCode],
    ) -> Option<String> {
        let granted = |code: &SubscribeReasonCode| matches!(code, SubscribeReasonCode::Success(_));
        let refused = filters.iter().zip(codes).filter(|(_, code)| !granted(code));
        let refused: Vec<String> = refused
            .map(|(filter, code)| format!("{filter} ({code:?})"))
            .collect();
        let words = format!("it refuses to subscribe {}", refused.join(", "));
        let trouble = (!refused.is_empty()).then_some(words);
        *self.lock() = Stands {
            open: codes.iter().any(granted),
            trouble: trouble.clone(),
        };
        trouble
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rumqttc::v5::mqttbytes::QoS;

    /// How it stands once the broker answered so for `a` and `b`.
    fn check(codes: [SubscribeReasonCode; 2], open: bool, trouble: Option<&str>) {
        let standing = Standing::default();
        assert!(!standing.now().open);
        let said = standing.subscribed(&["a".to_owned(), "b".to_owned()], &codes);
        let stands = Stands {
            open,
            trouble: trouble.map(str::to_owned),
        };
        assert_eq!((standing.now(), said), (stands.clone(), stands.trouble));
        standing.lost("reset");
        let told = Some("no connection: reset".to_owned());
        assert_eq!((standing.now().open, standing.now().trouble), (false, told));
    }

    #[test]
    fn what_a_broker_refuses_is_told() {
        const GRANTED: SubscribeReasonCode = SubscribeReasonCode::Success(QoS::AtLeastOnce);
        const REFUSED: SubscribeReasonCode = SubscribeReasonCode::NotAuthorized;
        let both = "it refuses to subscribe a (NotAuthorized), b (NotAuthorized)";
        check([GRANTED, GRANTED], true, None);
        check(
            [GRANTED, REFUSED],
            true,
            Some("it refuses to subscribe b (NotAuthorized)"),
        );
        check([REFUSED, REFUSED], false, Some(both));
    }
}
