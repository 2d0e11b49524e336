//! What the pages cost a visitor: `npm run measure` of the front end does the work, and this shows its figures.

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
    let mut command = Command::new("npm");
    command.args(["run", "--silent", "measure", "--", "--json"]).arg(&file);
    command
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../frontend"))
        .env("SERVER_BINARY", binary("local/devserver")?);
    // It prints the figures, too; here that is done below. It ends with 1 when a bar is missed: the file says whether
    // it measured.
    if let Err(error) = command.stdin(Stdio::null()).stdout(Stdio::null()).status().await {
        eprintln!("frontend: npm: {error}");
    }
    let (method, figures) = read(&file).unwrap_or_else(|error| {
        eprintln!("frontend: {error}");
        let why = "Not measured: Node, the packages (`tools/frontend.sh install`) or Chromium were missing, or failed.";
        (why.to_owned(), vec![Figure::new("all figures", "none").bar("measured", false)])
    });
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
