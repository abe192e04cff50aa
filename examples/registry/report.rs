//! What the example prints.

use std::path::Path;

use tracklite::{Database, Error, LineageDirection, LineageNode};

use crate::Result;
use crate::candidate::Candidate;
use crate::digits::data::{Image, PIXELS};
use crate::digits::text::{quoted, short};
use crate::production::NAME;

/// How many test images are drawn.
const PICTURES: usize = 7;

/// Pixels to a row.
const WIDTH: usize = 8;

/// The run that the sweep is best known for.
pub(crate) fn best(best: &Candidate) -> Result<String> {
    let (accuracy, name) = (100.0 * best.accuracy(), &best.record.info.name);
    let run = short(best.run.id());
    Ok(format!("The best of the sweep: {accuracy:.2} %, run {run}\n  {name}\n"))
}

/// The first images side by side, and below each what it is taken for.
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

/// What the node was made of, as steps and as a Mermaid graph.
pub(crate) fn lineage(database: &Database, node: &LineageNode) -> Result<String> {
    let graph = database.lineage(node, LineageDirection::Upstream)?;
    let told = |node: &LineageNode| {
        format!("{} {}", node.kind(), graph.nodes.get(node).map_or("", String::as_str))
    };
    let mut text = String::from("\nWhat Champion was made of:\n");
    for edge in &graph.edges {
        text += &format!("  {} --{}--> {}\n", told(&edge.from), edge.kind.as_str(), told(&edge.to));
    }
    Ok(text + "\n" + &graph.to_mermaid())
}

/// Where the file is, and what to type next.
pub(crate) fn next_commands(file: &Path) -> Result<String> {
    let path = std::path::absolute(file)?;
    let (path, file) = (path.display(), quoted(file));
    let tracklite = "cargo tracklite";
    Ok(format!(
        "\n{path}\n\nWhat to type next:\n  {tracklite} models show {file} {NAME}\n  \
         {tracklite} lineage {file} models:/{NAME}@Champion --dot\n  \
         {tracklite} verify {file}\n  cargo registry --file {file}    # the next challengers\n"
    ))
}

/// What an error says, without the file that it stands in.
pub(crate) fn without_path(error: &Error) -> String {
    let text = error.to_string();
    let path = error.path().map(|path| format!("{}: ", path.display())).unwrap_or_default();
    text.strip_prefix(&path).unwrap_or(&text).to_owned()
}
