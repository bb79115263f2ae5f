"use strict";
(function () {
  var index = document.querySelector("nav details"), find = document.getElementById("find");
  if (window.matchMedia("(min-width: 55rem)").matches) index.open = true;
  find.hidden = false;
  find.addEventListener("input", function () {
    var text = find.value.toLowerCase();
    index.open = index.open || text !== "";
    index.querySelectorAll("li").forEach(function (li) {
      li.hidden = li.textContent.toLowerCase().indexOf(text) < 0;
    });
  });
  if (!navigator.clipboard) return; // over plain http, but for this machine
  document.querySelectorAll("pre").forEach(function (pre) {
    var button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.addEventListener("click", function () {
      navigator.clipboard.writeText(pre.textContent).then(function () {
        button.textContent = "Copied";
        setTimeout(function () { button.textContent = "Copy"; }, 1500);
      });
    });
    pre.parentNode.insertBefore(button, pre);
  });
})();
