//! Challengers: networks that also train on each image shifted by one pixel in four directions.

use tracklite::{Database, Run, RunSearch};

use crate::Result;
use crate::candidate::Candidate;
use crate::digits::configuration::{Configuration, grid};
use crate::digits::data::{Digits, Image, PIXELS, dataset};
use crate::digits::text::{print, short};
use crate::digits::{training, weights};
use crate::production::Loaded;

/// The maximum number of challengers in one run of the program.
const ATTEMPTS: usize = 3;

/// The seed of the first challenger. The sweep uses the lower ones.
const FIRST_SEED: u64 = 3;

/// Hidden units: twice as many as the largest network of the sweep.
const HIDDEN: usize = 256;

/// Passes over the images. With the shifted ones there are five times as many images.
const EPOCHS: u32 = 30;

/// Pixels per row.
const WIDTH: usize = 8;

/// Trains challengers until one beats the champion, at most [`ATTEMPTS`].
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
        run.log_bytes(&weights::write(&trained)?, weights::PATH)?;
        let (loss, accuracy) = trained.evaluate(&digits.test);
        let (id, percent) = (short(run.id()), 100.0 * accuracy);
        print(&format!("\nChallenger trained on shifted images: {percent:.2} %, run {id}\n"))?;
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

/// Adds four shifted copies of each training image. Keeps the test images.
fn shifted(digits: &Digits) -> Digits {
    let moves = [(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)];
    let train = digits.train.iter();
    let train = train.flat_map(|image| moves.map(|(right, down)| shift(image, right, down)));
    let test = digits.test.iter().map(|image| shift(image, 0, 0)).collect();
    Digits { train: train.collect(), test }
}

/// Shifts the image. Pixels that enter at an edge are white.
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
