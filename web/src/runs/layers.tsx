import { effect } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { nextFrame } from "../busy";
import { prepare } from "../plot/canvas";
import { look } from "../plot/look";
import type { Pen } from "../plot/pen";
import { Recorder } from "../plot/recorder";
import { SvgPen } from "../plot/svg";
import { useSize } from "../ui/parts";
import { download } from "./export";
import { hovered } from "./selection";

export interface Size {
  width: number;
  height: number;
}

interface LayersProps {
  /** Its name in the style sheet and of saved files. */
  name: string;
  label: string;
  /** Draws what stays while the pointer moves. */
  drawBase: (pen: Pen, size: Size) => void;
  /** Draws what follows the pointer. */
  drawFront: (pen: Pen, size: Size) => void;
  onMove: (event: PointerEvent, size: Size) => void;
  onLeave: () => void;
  onDown: (event: PointerEvent, size: Size) => void;
  onUp: (event: PointerEvent, size: Size) => void;
}

function recorded(draw: (pen: Pen, size: Size) => void, size: Size): string[] {
  const recorder = new Recorder();
  draw(recorder, size);
  return recorder.calls;
}

function saveSvg({ name, drawBase }: LayersProps, size: Size): void {
  const pen = new SvgPen(size.width, size.height);
  drawBase(pen, size);
  download(`${name}.svg`, new Blob([pen.finish(look.peek().paper)], { type: "image/svg+xml" }));
}

/** Asks the picture of this name to save itself. */
export function requestSvg(name: string): void {
  document.querySelector(`.${name} canvas`)?.dispatchEvent(new Event("save-svg"));
}

/** A picture of two layers, so that a highlight does not draw 20,000 marks again. */
export function Layers(props: LayersProps) {
  const area = useRef<HTMLDivElement>(null);
  const base = useRef<HTMLCanvasElement>(null);
  const front = useRef<HTMLCanvasElement>(null);
  const size = useSize(area);
  const paint = (canvas: HTMLCanvasElement | null, draw: (pen: Pen, size: Size) => void) => {
    const pen = canvas && size.width > 0 ? prepare(canvas, size.width, size.height) : null;
    if (pen) draw(pen, size);
  };
  const theme = look.value;
  useLayoutEffect(() => {
    nextFrame(() => paint(base.current, props.drawBase));
  }, [props.drawBase, size.width, size.height, theme]);
  useLayoutEffect(() => {
    const draw = () => paint(front.current, props.drawFront);
    return effect(() => {
      void hovered.value;
      nextFrame(draw);
    });
  });
  useEffect(() => {
    const element = base.current;
    if (!element) return;
    const save = () => saveSvg(props, size);
    element.addEventListener("save-svg", save);
    Object.defineProperty(element, "penLog", { configurable: true, value: () => recorded(props.drawBase, size) });
    return () => element.removeEventListener("save-svg", save);
  });
  return (
    <div class={`plot ${props.name}`} ref={area}>
      <canvas ref={base} role="img" aria-label={props.label} />
      <canvas
        ref={front}
        class="layer"
        aria-hidden="true"
        onPointerMove={(event) => props.onMove(event, size)}
        onPointerLeave={props.onLeave}
        onPointerDown={(event) => (event.currentTarget.setPointerCapture(event.pointerId), props.onDown(event, size))}
        onPointerUp={(event) => props.onUp(event, size)}
      />
    </div>
  );
}
