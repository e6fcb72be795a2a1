// The workspace as a page of its own.
import { mount } from './main.js';

mount(document.getElementById('review'), { focus: true });
