//! The texts that the example prints.

use std::path::Path;

use tracklite::lineage::{LineageDirection, LineageNode};
use tracklite::{Database, Error};

use crate::Result;
use crate::candidate::Candidate;
use crate::digits::data::{Image, PIXELS};
use crate::digits::text::{quoted, short};
use crate::production::NAME;

/// The number of test images to draw.
const PICTURES: usize = 7;

/// Pixels per row.
const WIDTH: usize = 8;

/// Describes the best run of the sweep.
pub(crate) fn best(best: &Candidate) -> Result<String> {
    let (accuracy, name) = (100.0 * best.accuracy(), &best.record.info.name);
    let run = short(best.run.id());
    Ok(format!("Best run of the sweep: {accuracy:.2} %, run {run}\n  {name}\n"))
}

/// Draws the first images side by side, each above its predicted digit.
pub(crate) fn pictures(images: &[Image], predicted: &[usize]) -> String {
    let mut text = String::new();
    for row in 0..PIXELS / WIDTH {
        let rows = images.iter().take(PICTURES).map(|image| {
            let pixels = image.pixels.iter().skip(row * WIDTH).take(WIDTH);
            pixels.map(|pixel| shade(*pixel)).collect::<String>()
        });
        let line = rows.collect::<Vec<_>>().join("   ");
        text += &format!("  {}\n", line.trim_end());
    }
    let digits = predicted.iter().take(PICTURES).map(|digit| format!("{digit:^WIDTH$}"));
    text + "  " + digits.collect::<Vec<_>>().join("   ").trim_end() + "\n"
}

fn shade(pixel: f32) -> char {
    match pixel {
        dark if dark > 0.75 => '#',
        grey if grey > 0.5 => '+',
        light if light > 0.25 => '.',
        _ => ' ',
    }
}

/// Lists everything that the node was made from, as steps and as a Mermaid graph.
pub(crate) fn lineage(database: &Database, node: &LineageNode) -> Result<String> {
    let graph = database.lineage(node, LineageDirection::Upstream)?;
    let label = |node: &LineageNode| {
        format!("{} {}", node.kind(), graph.nodes.get(node).map_or("", String::as_str))
    };
    let mut text = String::from("\nLineage of Champion:\n");
    for edge in &graph.edges {
        let (from, to) = (label(&edge.from), label(&edge.to));
        text += &format!("  {from} --{}--> {to}\n", edge.kind.as_str());
    }
    Ok(text + "\n" + &graph.to_mermaid())
}

/// Returns the path of the file and the commands to try next.
pub(crate) fn next_commands(file: &Path) -> Result<String> {
    let path = std::path::absolute(file)?;
    let (path, file) = (path.display(), quoted(file));
    let tracklite = "cargo tracklite";
    Ok(format!(
        "\n{path}\n\nTry next:\n  {tracklite} models show {file} {NAME}\n  \
         {tracklite} lineage {file} models:/{NAME}@Champion --dot\n  \
         {tracklite} verify {file}\n  cargo registry --file {file}    # train more challengers\n"
    ))
}

/// Returns the message of an error without the path of the file.
pub(crate) fn without_path(error: &Error) -> String {
    let text = error.to_string();
    let path = error.path().map(|path| format!("{}: ", path.display())).unwrap_or_default();
    text.strip_prefix(&path).unwrap_or(&text).to_owned()
}
