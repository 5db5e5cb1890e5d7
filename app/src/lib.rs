//! The desk: a window on a Bocage node for the people who care.
//!
//! One frame: [`app::Desk`] takes in what the node said, [`screens`] draw the [`state`] and push what the person did, the state applies
//! it and says what to ask the node next, the [`bridge`] asks. Screens change nothing; the state knows neither window nor node.
#![forbid(unsafe_code)]

pub mod app;
pub mod bridge;
pub mod demo;
pub mod i18n;
pub mod options;
pub mod screens;
pub mod state;
pub mod theme;
pub mod view;
pub mod widgets;
