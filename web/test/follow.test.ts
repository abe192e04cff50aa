import assert from "node:assert/strict";
import { test } from "node:test";
import { Follower } from "../src/charts/follow";
import type { Bins } from "../src/plot/series";

const upTo = (x_max: number) => [{ meta: { x_max } }] as unknown as Bins[];

test("a zoom that ends within 5 % of the newest point follows it, others stay (requirement 13)", () => {
  const follower = new Follower();
  follower.see(upTo(1000), null, "step");
  assert.deepEqual(follower.choose([400, 500]), { low: 400, high: 500, follow: false });
  assert.deepEqual(follower.choose([895, 995]), { low: 895, high: 995, follow: true });
  assert.equal(follower.choose([894, 994]).follow, false, "6 % away");
});

test("a zoom that follows keeps its width and asks for room ahead", () => {
  const follower = new Follower();
  follower.see(upTo(1000), null, "step");
  const zoom = follower.choose([900, 1000]);
  assert.deepEqual(follower.shown(zoom), [900, 1000]);
  assert.deepEqual(follower.wanted(zoom), { range: [900, 1100], times: 2 });
  follower.see(upTo(1030), zoom, "step");
  assert.deepEqual(follower.shown(zoom), [930, 1030]);
  assert.deepEqual(follower.wanted(zoom), { range: [900, 1100], times: 2 }, "the answers still fit");
  follower.see(upTo(1100), zoom, "step");
  assert.deepEqual(follower.shown(zoom), [1000, 1100]);
  assert.deepEqual(follower.wanted(zoom), { range: [1000, 1200], times: 2 });
});

test("a zoom that does not follow stays while points arrive", () => {
  const follower = new Follower();
  const zoom = { low: 1, high: 2, follow: false };
  follower.see(upTo(1000), zoom, "step");
  assert.deepEqual(follower.shown(zoom), [1, 2]);
  assert.deepEqual(follower.wanted(zoom), { range: [1, 2], times: 1 });
  assert.equal(follower.shown(null), null);
});

test("the newest point of one axis is not that of another", () => {
  const follower = new Follower();
  follower.see(upTo(1e12), null, "time");
  follower.see(upTo(10), null, "step");
  assert.equal(follower.choose([5, 10]).follow, true);
});
