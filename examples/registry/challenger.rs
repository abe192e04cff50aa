//! Challengers: networks that are also shown each image moved by a pixel to every side.

use tracklite::{Database, Run, RunSearch};

use crate::Result;
use crate::candidate::Candidate;
use crate::digits::configuration::{Configuration, grid};
use crate::digits::data::{Digits, Image, PIXELS, dataset};
use crate::digits::text::{print, short};
use crate::digits::{training, weights};
use crate::production::Loaded;

/// How many are tried before the champion is left alone.
const ATTEMPTS: usize = 3;

/// The seed of the first one: the sweep has used those before.
const FIRST_SEED: u64 = 3;

/// Hidden units: twice as many as the largest network of the sweep has.
const HIDDEN: usize = 256;

/// Passes over the images, of which there are five times as many.
const EPOCHS: u32 = 30;

/// Pixels to a row.
const WIDTH: usize = 8;

/// Trains until one is better than the champion, at most [`ATTEMPTS`] times.
pub(crate) fn train_better(
    database: &Database,
    digits: &Digits,
    champion: &Loaded,
) -> Result<Option<Candidate>> {
    let earlier = RunSearch::new().filter("tags.role = 'challenger'");
    let earlier = database.search_runs(&earlier)?.items.len() as u64;
    let shifted = shifted(digits);
    let usual = *grid().first().ok_or("the grid is empty")?;
    let configuration = Configuration { hidden: HIDDEN, ..usual };
    let champion = champion.network.evaluate(&digits.test);
    for seed in (FIRST_SEED + earlier..).take(ATTEMPTS) {
        let run = start(database, &configuration, seed)?;
        run.log_dataset(dataset("optdigits-train-shifted", &shifted.train), "train")?;
        let trained = training::train(&configuration, seed, EPOCHS, &shifted, &run, |_| Ok(()))?;
        run.log_bytes(weights::PATH, &weights::write(&trained)?)?;
        let (loss, accuracy) = trained.evaluate(&digits.test);
        let (id, percent) = (short(run.id()), 100.0 * accuracy);
        print(&format!("\nA challenger, on shifted images too: {percent:.2} %, run {id}\n"))?;
        run.clone().finish()?;
        if accuracy > champion.1 || (accuracy == champion.1 && loss < champion.0) {
            return Ok(Some(Candidate::of(run)?));
        }
    }
    Ok(None)
}

fn start(database: &Database, configuration: &Configuration, seed: u64) -> Result<Run> {
    let experiment = database.experiment("/examples/digits")?;
    let builder = experiment.new_run().name(&format!("challenger {configuration} seed={seed}"));
    let builder = builder.params(configuration.params()).param("epochs", EPOCHS);
    let builder = builder.param("seed", seed).param("shifted", true).tag("role", "challenger");
    Ok(builder.tag("model", configuration.model()).start()?)
}

/// The same test images; to learn from, each image as it is and moved to four sides.
fn shifted(digits: &Digits) -> Digits {
    let moves = [(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)];
    let train = digits.train.iter();
    let train = train.flat_map(|image| moves.map(|(right, down)| shift(image, right, down)));
    let test = digits.test.iter().map(|image| shift(image, 0, 0)).collect();
    Digits { train: train.collect(), test }
}

/// The image moved by so many pixels; what comes in is white.
fn shift(image: &Image, right: isize, down: isize) -> Image {
    let mut pixels = [0.0; PIXELS];
    for (place, pixel) in pixels.iter_mut().enumerate() {
        let row = (place / WIDTH).checked_add_signed(-down).filter(|row| *row < WIDTH);
        let column = (place % WIDTH).checked_add_signed(-right).filter(|column| *column < WIDTH);
        if let (Some(row), Some(column)) = (row, column) {
            *pixel = image.pixels[row * WIDTH + column];
        }
    }
    Image { pixels, digit: image.digit }
}
