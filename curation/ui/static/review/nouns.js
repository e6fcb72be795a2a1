// What the pictures are called: frames of videos, or photos of folders where nothing else is there.
// Only for texts of ours: the name of a file or of a person stays as it is.

const PHOTOS = { frame: 'photo', video: 'folder' };
const WORD = /\b(frame|video)(?=s?\b)/gi;
const READ = ['title', 'aria-label', 'placeholder'];

/** Whether all of a table are pictures of folders. */
export function areAllPhotos(table) {
  return table.header.videos.length > 0 && table.header.videos.every((one) => one.kind === 'pictures');
}

/** A text about frames, for frames. */
export const same = (text) => text;

/** A text about frames, for photos. */
export function ofPhotos(text) {
  return text.replace(WORD, (word) => {
    const other = PHOTOS[word.toLowerCase()];
    return word[0] === word[0].toLowerCase() ? other : other[0].toUpperCase() + other.slice(1);
  });
}

/** Word anew what stands in an element before any name is shown in it. */
export function reword(root, worded) {
  const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) texts.currentNode.data = worded(texts.currentNode.data);
  for (const name of READ) {
    for (const one of root.querySelectorAll(`[${name}]`)) one.setAttribute(name, worded(one.getAttribute(name)));
  }
}
