//! The weights of a network as a safetensors file.

use std::collections::HashMap;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::configuration::Activation;
use super::data::{CLASSES, PIXELS};
use super::model::{Layer, Network};
use super::{Failure, Result};

/// The artifact path of a run's weights. Models use the same file name.
pub(crate) const PATH: &str = "model/weights.safetensors";

/// The metadata key for the activation function.
const ACTIVATION: &str = "activation";

/// Serializes a network: for each layer a weight matrix with a row per input, and the bias.
pub(crate) fn write(network: &Network) -> Result<Vec<u8>> {
    let mut parts = Vec::new();
    let layers = [("hidden", network.hidden.as_ref()), ("output", Some(&network.output))];
    for (name, layer) in layers.into_iter().filter_map(|(name, layer)| Some((name, layer?))) {
        let inputs = layer.weights.len() / layer.outputs - 1;
        let (weights, bias) = layer.weights.split_at(inputs * layer.outputs);
        parts.push((format!("{name}.weight"), vec![inputs, layer.outputs], bytes(weights)));
        parts.push((format!("{name}.bias"), vec![layer.outputs], bytes(bias)));
    }
    let views = parts
        .iter()
        .map(|(name, shape, bytes)| Ok((name, TensorView::new(Dtype::F32, shape.clone(), bytes)?)));
    let views = views.collect::<Result<Vec<_>>>()?;
    let activation = (ACTIVATION.to_owned(), network.activation.to_string());
    Ok(safetensors::serialize(views, Some(HashMap::from([activation])))?)
}

/// Parses a file that [`write`] created. Fails for any other file.
pub(crate) fn read(file: &[u8]) -> Result<Network> {
    let (_, metadata) = SafeTensors::read_metadata(file)?;
    let tensors = SafeTensors::deserialize(file)?;
    let name = metadata.metadata().as_ref().and_then(|metadata| metadata.get(ACTIVATION));
    let activation = match name.map(String::as_str) {
        Some("relu") => Activation::Relu,
        Some("tanh") => Activation::Tanh,
        other => return Err(format!("unknown activation: {other:?}").into()),
    };
    let hidden = tensors.names().contains(&"hidden.weight");
    let hidden = hidden.then(|| layer(&tensors, "hidden", PIXELS)).transpose()?;
    let inputs = hidden.as_ref().map_or(PIXELS, |hidden| hidden.outputs);
    let output = layer(&tensors, "output", inputs)?;
    if output.outputs != CLASSES {
        return Err(format!("{} outputs for {CLASSES} digits", output.outputs).into());
    }
    Ok(Network { activation, hidden, output })
}

/// Parses a layer with this number of inputs.
fn layer(tensors: &SafeTensors<'_>, name: &str, inputs: usize) -> Result<Layer> {
    let [weight, bias] = ["weight", "bias"].map(|part| tensors.tensor(&format!("{name}.{part}")));
    let (weight, bias) = (weight?, bias?);
    let outputs = bias.shape().iter().product::<usize>();
    let is_fit = weight.dtype() == Dtype::F32 && bias.dtype() == Dtype::F32 && outputs > 0;
    if !is_fit || weight.shape() != [inputs, outputs] || bias.shape() != [outputs] {
        return Err(Failure::from(format!("layer {name:?} does not have {inputs} f32 inputs")));
    }
    let bytes = weight.data().chunks_exact(4).chain(bias.data().chunks_exact(4));
    let values = bytes.filter_map(|four| four.try_into().ok().map(f32::from_le_bytes));
    Ok(Layer::of(outputs, values.collect()))
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}
