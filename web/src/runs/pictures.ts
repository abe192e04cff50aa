export interface Picture {
  key: string;
  step: number;
  path: string;
}

/** Reads key and step from the names of image files: MLflow's `key%step%3%...png`, or numbers at the end. */
export function readPicture(path: string): Picture | null {
  if (!/\.(png|jpe?g|gif|webp|svg|bmp|avif)$/i.test(path)) return null;
  const name = path.replace(/\.[^.]+$/, "");
  const logged = /^(?:.*\/)?(.*?)[%+]step[%+](-?\d+)[%+]timestamp/.exec(name);
  if (logged) return name.endsWith("compressed") ? null : { key: (logged[1] ?? "").replace(/#/g, "/"), step: Number(logged[2]), path };
  const numbered = /^(.*?)[-_]?(?:step)?[-_]?(\d+)$/.exec(name);
  if (numbered && numbered[1]) return { key: numbered[1], step: Number(numbered[2]), path };
  return { key: name, step: 0, path };
}

/** The picture at a step: the newest one that is not later. `null` asks for the newest of all. */
export function atStep(pictures: readonly Picture[], key: string, step: number | null): Picture | null {
  const own = pictures.filter((one) => one.key === key && (step === null || one.step <= step));
  return own[own.length - 1] ?? null;
}
