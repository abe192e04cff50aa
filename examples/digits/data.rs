//! The handwritten digits of `examples/data`: unpacked, scaled and split.

use tracklite::inputs::Dataset;

use super::random::Random;
use super::{Failure, Result};

/// The data of `examples/data/README.md`, embedded so that the program runs from any folder.
const COMPRESSED: &[u8] = include_bytes!("../data/digits.csv.zst");

/// The number of images reserved for testing.
const TEST_IMAGES: usize = 500;

/// Pixels of an image: 8 rows of 8.
pub(crate) const PIXELS: usize = 64;

/// The number of digit classes.
pub(crate) const CLASSES: usize = 10;

/// One image and the digit that it shows.
pub(crate) struct Image {
    /// The pixels row by row, from 0 (white) to 1 (black).
    pub(crate) pixels: [f32; PIXELS],
    /// The digit, 0 to 9.
    pub(crate) digit: usize,
}

/// The images for training and for testing.
pub(crate) struct Digits {
    /// 1,297 images.
    pub(crate) train: Vec<Image>,
    /// 500 images that no training sees.
    pub(crate) test: Vec<Image>,
}

impl Digits {
    /// Decompresses the images (a few milliseconds) and splits them the same way each time.
    pub(crate) fn load() -> Result<Self> {
        let text = String::from_utf8(zstd::decode_all(COMPRESSED)?)?;
        let mut train = text.lines().map(parse_image).collect::<Result<Vec<_>>>()?;
        Random::new(0).shuffle(&mut train);
        let test = train.split_off(train.len() - TEST_IMAGES);
        Ok(Digits { train, test })
    }
}

/// Describes the images as a dataset of a run. The digest is a hash of their pixels and digits.
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

/// Parses a line: 64 pixels from 0 to 16, then the digit.
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
