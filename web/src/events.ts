/** Splits the text of a stream into its events. Returns what is left of the last one. */
export function parseEvents(text: string, take: (event: string, data: string) => void): string {
  const blocks = text.replace(/\r\n?/g, "\n").split("\n\n");
  const rest = blocks.pop() ?? "";
  for (const block of blocks) {
    let event = "";
    const data: string[] = [];
    for (const line of block.split("\n")) {
      if (line.startsWith(":")) event ||= "comment";
      else if (line.startsWith("event:")) event = line.slice(6).trim();
      else if (line.startsWith("data:")) data.push(line.slice(5).trimStart());
    }
    take(event, data.join("\n"));
  }
  return rest;
}
