// Every piece of text that can be seen whose contrast with what is behind it is too small.
(() => {
  const channel = (value) => {
    const part = value / 255;
    return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  };
  const luminance = ([red, green, blue]) =>
    0.2126 * channel(red) + 0.7152 * channel(green) + 0.0722 * channel(blue);
  const parsed = (text) => {
    const numbers = (text.match(/[\d.]+/g) || []).map(Number);
    return { colour: numbers.slice(0, 3), alpha: numbers.length > 3 ? numbers[3] : numbers.length ? 1 : 0 };
  };
  // A text in a picture stands on the shape before it in its group, if there is one.
  const shape = (element) => {
    const before = element.tagName === "text" && element.parentElement.querySelector(":scope > rect");
    if (!before) return null;
    const [one, other] = [before.getBoundingClientRect(), element.getBoundingClientRect()];
    const inside = other.left >= one.left - 1 && other.right <= one.right + 1 && other.top >= one.top - 4;
    return inside ? parsed(getComputedStyle(before).fill) : null;
  };
  const behind = (element) => {
    const drawn = shape(element);
    if (drawn && drawn.alpha) return drawn.colour;
    for (let each = element; each; each = each.parentElement) {
      const found = parsed(getComputedStyle(each).backgroundColor);
      if (found.alpha === 1) return found.colour;
    }
    return [255, 255, 255];
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const poor = [];
  let seen = 0;
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.textContent.trim() || !element.checkVisibility()) continue;
    if (["title", "style"].includes(element.tagName.toLowerCase())) continue;
    const style = getComputedStyle(element);
    const ink = parsed(element.tagName === "text" ? style.fill : style.color).colour;
    const [bright, dark] = [luminance(ink), luminance(behind(element))].sort((a, b) => b - a);
    const ratio = (bright + 0.05) / (dark + 0.05);
    seen += 1;
    if (ratio < 4.5) poor.push(`${ratio.toFixed(2)}: ${element.tagName} ${texts.currentNode.textContent.trim().slice(0, 60)}`);
  }
  return { seen, poor };
})()
