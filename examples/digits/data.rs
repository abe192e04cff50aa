//! The handwritten digits of `examples/data`: unpacked, scaled and split.

use tracklite::Dataset;

use super::random::Random;
use super::{Failure, Result};

/// The lines of `examples/data/README.md`, compressed; inside the binary, so that it runs anywhere.
const COMPRESSED: &[u8] = include_bytes!("../data/digits.csv.zst");

/// How many of the images are kept for testing.
const TEST_IMAGES: usize = 500;

/// Pixels of an image: 8 rows of 8.
pub(crate) const PIXELS: usize = 64;

/// Digits to tell apart.
pub(crate) const CLASSES: usize = 10;

/// One image and the digit that it shows.
pub(crate) struct Image {
    /// The pixels row by row, from 0 (white) to 1 (black).
    pub(crate) pixels: [f32; PIXELS],
    /// The digit, 0 to 9.
    pub(crate) digit: usize,
}

/// The images to learn from and those to be judged by.
pub(crate) struct Digits {
    /// 1,297 images.
    pub(crate) train: Vec<Image>,
    /// 500 images that no training sees.
    pub(crate) test: Vec<Image>,
}

impl Digits {
    /// Unpacks the images (a few milliseconds) and splits them, always in the same way.
    pub(crate) fn load() -> Result<Self> {
        let text = String::from_utf8(zstd::decode_all(COMPRESSED)?)?;
        let mut train = text.lines().map(parse_image).collect::<Result<Vec<_>>>()?;
        Random::new(0).shuffle(&mut train);
        let test = train.split_off(train.len() - TEST_IMAGES);
        Ok(Digits { train, test })
    }
}

/// How a run tells what it has learned from, or was judged by: under a name, by the hash of the
/// pixels and digits.
pub(crate) fn dataset(name: &str, images: &[Image]) -> Dataset {
    let mut bytes = Vec::with_capacity(images.len() * (4 * PIXELS + 1));
    for image in images {
        bytes.extend(image.pixels.iter().flat_map(|pixel| pixel.to_le_bytes()));
        bytes.push(image.digit as u8);
    }
    let digest = blake3::hash(&bytes).to_hex();
    let source = r#"{"uri": "examples/data/digits.csv.zst"}"#;
    let profile = format!(r#"{{"num_rows": {}}}"#, images.len());
    Dataset::new(name, &digest[..16], "local", source).profile(profile)
}

/// Reads a line: 64 pixels from 0 to 16, then the digit.
fn parse_image(line: &str) -> Result<Image> {
    let numbers = line.split(',').map(str::parse).collect::<Result<Vec<u8>, _>>()?;
    let (pixels, digit) = match numbers.split_last() {
        Some((&digit, pixels)) if pixels.len() == PIXELS => (pixels, usize::from(digit)),
        _ => return Err(Failure::from(format!("not an image and its digit: {line}"))),
    };
    let mut image = Image { pixels: [0.0; PIXELS], digit };
    for (pixel, &number) in image.pixels.iter_mut().zip(pixels) {
        *pixel = f32::from(number) / 16.0;
    }
    Ok(image)
}
