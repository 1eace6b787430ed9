//! What is published of the installation is confirmed in time, or an alert follows, though nothing else comes.

use std::sync::Arc;

use super::{Ward, clock, on_paused_time};
use crate::clock::Timestamp;
use crate::conditions::Condition;
use crate::installation_actor::Fact;
use crate::settings::Settings;

/// Seen to fail with no timer armed for it: nothing came.
#[test]
fn a_lost_store_that_no_receiver_confirms_is_an_alert_though_nothing_else_comes() {
    on_paused_time(|| async {
        let pager = r#"{"pager":{"filters":["alerts/#"],"within":"10s","fallback":"desk"}}"#;
        let settings = Settings { receivers: serde_json::from_str(pager).unwrap(), ..Settings::default() };
        let ward = Ward::begin(clock(), Arc::new(settings), Vec::new());
        let (words, at) = (Some("disk full".to_owned()), Timestamp::from_unix_ms(0));
        ward.installation.do_send(Fact { condition: Condition::StoreLost, words, at });
        ward.wait(5).await;
        assert_eq!(ward.conditions(), ["store.lost"]);
        ward.wait(7).await;
        assert_eq!(ward.conditions(), ["store.lost", "delivery.unconfirmed"]);
    });
}

impl Ward {
    fn conditions(&self) -> Vec<String> {
        self.published().into_iter().map(|(_, condition, _)| condition).collect()
    }
}
