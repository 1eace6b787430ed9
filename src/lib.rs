//! WardWatch: real-time patient monitoring on an MQTT broker.

pub mod assess;
pub mod bench;
#[cfg(feature = "demo")]
pub mod broker;
pub mod causes;
pub mod check;
pub mod client;
pub mod config;
pub mod contract;
pub mod door;
pub mod fatal;
pub mod feed;
pub mod health;
pub mod link;
pub mod log_queue;
pub mod mqtt;
pub mod run;
pub mod simulator;
pub mod store;
pub mod web;
