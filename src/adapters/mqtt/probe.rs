//! Asks a broker whether it would let us in: a connection with the settings' credentials and certificates, under a client
//! id of its own, so that nobody's session is taken over, and a goodbye.

use std::time::Duration;

use rumqttc::v5::AsyncClient;
use rumqttc::v5::ConnectionError;
use rumqttc::v5::MqttOptions;

use crate::adapters::mqtt::address::Address;
use crate::adapters::mqtt::broker::BrokerSettings;
use crate::adapters::mqtt::publisher::described;
use crate::adapters::mqtt::settings::Secret;

/// Requests that wait in the client.
const REQUESTS: usize = 4;

/// Connects once, within a time.
///
/// # Errors
/// In words, why it would not do.
pub async fn probe(settings: &BrokerSettings, limit: Duration) -> Result<(), String> {
    let address = Address::of_broker(&settings.url).map_err(|fault| fault.to_string())?;
    let transport = settings.tls.transport(&address);
    let transport = transport.map_err(|fault| fault.to_string())?;
    let id = format!("{}-doctor-{}", settings.client_id, std::process::id());
    let mut options = MqttOptions::new(id, &address.host, address.port);
    options.set_transport(transport);
    options.set_keep_alive(settings.keep_alive);
    options.set_clean_start(true);
    if let Some(username) = &settings.username {
        let password = settings.password.as_ref().map_or("", Secret::reveal);
        options.set_credentials(username, password);
    }
    let (client, mut events) = AsyncClient::new(options, REQUESTS);
    let connected = tokio::time::timeout(limit, events.poll()).await;
    match connected {
        Ok(Ok(_)) => {}
        Ok(Err(ConnectionError::ConnectionRefused(reason))) => {
            return Err(format!("refused: {reason:?}"));
        }
        Ok(Err(fault)) => return Err(described(&fault)),
        Err(_) => return Err(format!("no answer within {} s", limit.as_secs())),
    }
    if client.try_disconnect().is_ok() {
        // Whether the goodbye arrives is of no use to anybody.
        drop(tokio::time::timeout(limit, events.poll()).await);
    }
    Ok(())
}
