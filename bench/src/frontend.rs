//! What the pages cost a visitor: `tools/frontend.sh measure` does the work, and this shows its figures.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tokio::process::Command;

use crate::binary;
use crate::results::{Figure, Section};
use crate::stage::Folder;

pub async fn measure() -> Result<Section, String> {
    let folder = Folder::new("frontend")?;
    let file = folder.path().join("figures.json");
    let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tools/frontend.sh"));
    command.args(["measure", "--json"]).arg(&file).env("SERVER_BINARY", binary("local/devserver")?).kill_on_drop(true);
    // It prints the figures, too; here that is done below. It ends with 1 when a bar is missed: the file says whether
    // it measured.
    let output = command.stdin(Stdio::null()).output().await.map_err(|error| format!("tools/frontend.sh: {error}"))?;
    let (method, figures) = read(&file).map_err(|error| {
        let said = String::from_utf8_lossy(&output.stderr);
        format!("{error}: {}", said.trim().lines().last().unwrap_or("and nothing says why"))
    })?;
    Ok(Section { title: "Pages", command: "bench frontend", method, figures })
}

fn read(file: &Path) -> Result<(String, Vec<Figure>), String> {
    let text = std::fs::read(file).map_err(|error| format!("no figures: {error}"))?;
    let value: Value = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    let method = value["method"].as_str().ok_or("no method")?.to_owned();
    let figures = value["figures"].as_array().ok_or("no figures")?.iter().map(figure).collect::<Option<_>>();
    Ok((method, figures.ok_or("a figure is not understood")?))
}

fn figure(value: &Value) -> Option<Figure> {
    let figure = Figure::new(value["name"].as_str()?, value["value"].as_str()?);
    match value.get("bar") {
        Some(bar) => Some(figure.bar(bar.as_str()?.to_owned(), value["held"].as_bool()?)),
        None => Some(figure),
    }
}
