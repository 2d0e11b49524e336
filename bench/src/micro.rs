//! What a request is made of, piece by piece. `bench/micro` has criterion time it; this shows its medians.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;

use crate::binary;
use crate::results::{Figure, Section};
use crate::stage::Folder;

const PIECES: [&str; 11] = [
    "password verify",
    "access token sign RS256",
    "access token sign ES256",
    "access token sign EdDSA",
    "access token check RS256",
    "access token check ES256",
    "access token check EdDSA",
    "refresh token make",
    "refresh token open",
    "event decode",
    "body parse",
];

pub async fn measure() -> Result<Section, String> {
    let folder = Folder::new("micro")?;
    let mut command = Command::new(binary("release/micro")?);
    let output = command.env("CRITERION_HOME", folder.path()).output().await.map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    let figures = PIECES.iter().map(|&piece| {
        let (median, low, high) = median(folder.path(), piece)?;
        Ok(Figure::new(piece, format!("{} ({} to {})", us(median), us(low), us(high))))
    });
    Ok(Section {
        title: "Pieces of a request",
        command: "bench micro",
        method: "Release build as the functions', by criterion: 30 samples in about a second, after 0.3 s to warm up; the \
                 median and its confidence interval of 95 %. *Event decode*: `events/login.json` to an HTTP request, as \
                 `lambda_http` does. *Body parse*: a sign-in's JSON, strictly, to an e-mail address and a password in NFC. \
                 *Password verify* has its own thread, as in the function."
            .to_owned(),
        figures: figures.collect::<Result<_, String>>()?,
    })
}

/// As criterion writes it, with its confidence interval.
fn median(folder: &Path, piece: &str) -> Result<(Duration, Duration, Duration), String> {
    let path = folder.join(piece).join("new/estimates.json");
    let text = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let value: Value = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    let (median, interval) = (&value["median"], &value["median"]["confidence_interval"]);
    let nanos = |value: &Value| value.as_f64().map(|nanos| Duration::from_secs_f64(nanos / 1e9));
    nanos(&median["point_estimate"])
        .zip(nanos(&interval["lower_bound"]))
        .zip(nanos(&interval["upper_bound"]))
        .map(|((median, low), high)| (median, low, high))
        .ok_or_else(|| format!("{piece}: criterion's estimates are not understood"))
}

/// In microseconds with two decimals.
fn us(duration: Duration) -> String {
    format!("{:.2} µs", duration.as_secs_f64() * 1e6)
}
