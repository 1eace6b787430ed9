//! The files of the pages, built into the binary.

/// One file as it is served.
pub struct Asset {
    pub path: &'static str,
    pub kind: &'static str,
    pub text: &'static str,
}

macro_rules! asset {
    ($path:literal, $file:literal, $kind:literal) => {
        Asset { path: $path, kind: $kind, text: include_str!(concat!("assets/", $file)) }
    };
}

/// All of them.
pub const ASSETS: &[Asset] = &[
    asset!("/", "station.html", "text/html; charset=utf-8"),
    asset!("/station.css", "station.css", "text/css; charset=utf-8"),
    asset!("/tiles.css", "tiles.css", "text/css; charset=utf-8"),
    asset!("/station.js", "station.js", "text/javascript; charset=utf-8"),
    asset!("/stream.js", "stream.js", "text/javascript; charset=utf-8"),
    asset!("/patients.js", "patients.js", "text/javascript; charset=utf-8"),
    asset!("/order.js", "order.js", "text/javascript; charset=utf-8"),
    asset!("/tile.js", "tile.js", "text/javascript; charset=utf-8"),
    asset!("/rail.js", "rail.js", "text/javascript; charset=utf-8"),
    asset!("/words.js", "words.js", "text/javascript; charset=utf-8"),
    asset!("/sound.js", "sound.js", "text/javascript; charset=utf-8"),
    asset!("/keys.js", "keys.js", "text/javascript; charset=utf-8"),
    asset!("/icon.svg", "icon.svg", "image/svg+xml"),
];
